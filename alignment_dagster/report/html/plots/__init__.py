"""The report's figures as inline SVG: same numbers, same bytes."""
