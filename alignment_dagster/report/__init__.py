"""The report: rows gathered from artifacts, statistics over them, and the page."""
