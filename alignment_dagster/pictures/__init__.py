"""Small pictures of what an asset holds, for its page in Dagster: SVG, same numbers, same bytes.

Dagster shows Markdown at once below 1,000 characters, and behind a click from there on. That is
why these drawings are as terse as they can be (whole pixels, relative moves, one path a colour),
and why they leave out lines that have no room, and say so.
"""

from alignment_dagster.pictures.bars import shares
from alignment_dagster.pictures.curves import curves
from alignment_dagster.pictures.histogram import histogram
from alignment_dagster.pictures.intervals import changes, rates
from alignment_dagster.pictures.markdown import markdown
from alignment_dagster.pictures.multiples import multiples

__all__ = ["changes", "curves", "histogram", "markdown", "multiples", "rates", "shares"]
