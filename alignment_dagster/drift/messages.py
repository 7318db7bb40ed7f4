"""What a person is told of a source's drift, in one line a check."""

from collections.abc import Sequence

from alignment_dagster.drift.thresholds import Judged, Outcome

FIRST = "There is no earlier version to compare with."
INTENDED = (
    "If the source is meant to have moved so far, raise the bound in the study's `refresh.drift` "
    "and run again; it can be put back once a later version has passed."
)


def said_of_blocks(rows: Sequence[Judged]) -> str:
    """What is beyond its bound, and what to do if that is right."""
    beyond = _beyond(rows, ("blocks",))
    return f"{beyond}. {INTENDED}" if beyond else _within(rows, "blocks")


def said_of_warnings(rows: Sequence[Judged]) -> str:
    """What is to be looked at."""
    beyond = _beyond(rows, ("blocks", "warns"))
    return f"{beyond}." if beyond else _within(rows, "warns")


def _within(rows: Sequence[Judged], what: str) -> str:
    compared = [row for row in rows if row.outcome != "not_compared"]
    if not compared:
        return FIRST
    nearest = max(compared, key=lambda row: row.of_warning)
    multiple = f"{nearest.column} is the furthest, at {nearest.value:.3g} (warns above "
    return f"None of {len(compared)} values {what}: {multiple}{nearest.warn:g})."


def _beyond(rows: Sequence[Judged], outcomes: tuple[Outcome, ...]) -> str:
    """The furthest value of each measure, the furthest measure first."""
    found = [row for row in rows if row.outcome in outcomes]
    found.sort(key=lambda row: row.of_warning, reverse=True)
    measures = dict.fromkeys(row.measure for row in found)
    return "; ".join(_sentence([row for row in found if row.measure == one]) for one in measures)


def _sentence(rows: Sequence[Judged]) -> str:
    first = rows[0]
    bound, verb = (first.block, "blocks") if first.outcome == "blocks" else (first.warn, "warns")
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{first.measure}, {first.column}: {first.value:.3g} ({verb} above {bound:g}){more}"
