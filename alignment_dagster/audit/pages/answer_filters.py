"""What answers can be filtered by, as an address names it, and as a condition over them."""

from collections.abc import Mapping

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.lineage.archive import similar

COLUMNS: Mapping[str, str] = {
    "suite": "suite",
    "stage": "stage",
    "recipe": "recipe",
    "seed": "seed",
    "format": "format",
    "prompt": "system_prompt",
    "topic": "topic",
    "item": "item_id",
}
"""What can be filtered by → its column."""
FACETS = ("suite", "stage", "recipe", "seed", "format", "prompt", "topic")
"""Of these the page lists the values; an item is chosen by a line of the table."""
YES, NO = "yes", "no"
MARKS = ("hit", "flipped")
"""`yes` or `no`: whether the answer is the one that is counted; whether the baseline's differs."""

Filters = Mapping[str, str]


def read_filters(asked: Filters) -> tuple[dict[str, str], int]:
    """What is asked for without the page, and the page.

    Raises:
        AlignmentError: if something else is asked for.
    """
    known = (*COLUMNS, *MARKS, "page")
    for name, value in asked.items():
        if name not in known:
            raise AlignmentError(f"answers have no {name!r} (near: {similar(name, known)})")
        if name in MARKS and value not in (YES, NO):
            raise AlignmentError(f"{name}={value}: is {YES} or {NO}")
    page = asked.get("page", "1")
    if not (page.isascii() and page.isdigit() and 0 < int(page) < 10**9):
        raise AlignmentError(f"page={page}: is a number from 1 on")
    return {name: value for name, value in asked.items() if name != "page"}, int(page)


def filter_condition(filters: Filters) -> tuple[str, list[str]]:
    """The condition over the table `answers`, and its values: names are ours, values parameters."""
    parts, values = ["true"], []
    for name, value in filters.items():
        if name in MARKS:
            parts.append(f"{name}::double {'>' if value == YES else '='} 0")
        else:
            parts.append(f"answers.{COLUMNS[name]}::varchar = ?")
            values.append(value)
    return " and ".join(parts), values
