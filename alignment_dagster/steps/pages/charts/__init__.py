"""Small pictures of what an asset holds, for its page in Dagster: SVG, same numbers, same bytes.

Dagster shows Markdown at once below 1,000 characters, and behind a click from there on. That is
why these drawings are as terse as they can be (whole pixels, relative moves, one path a colour),
and why they leave out lines that have no room, and say so.
"""

from alignment_dagster.steps.pages.charts.bars import shares
from alignment_dagster.steps.pages.charts.curves import curves
from alignment_dagster.steps.pages.charts.histogram import histogram
from alignment_dagster.steps.pages.charts.intervals import changes, rates
from alignment_dagster.steps.pages.charts.markdown import markdown
from alignment_dagster.steps.pages.charts.multiples import multiples

__all__ = ["changes", "curves", "histogram", "markdown", "multiples", "rates", "shares"]
