"""The one line that each drift check reports to a person."""

from collections.abc import Sequence

from alignment_dagster.drift.thresholds import BoundedChange, Outcome

FIRST = "There is no earlier version to compare with."
INTENDED = (
    "If the source is meant to have moved so far, raise the bound in the study's `refresh.drift` "
    "and run again; it can be put back once a later version has passed."
)


def blocking_message(rows: Sequence[BoundedChange]) -> str:
    """What is beyond its bound, and what to do if that is right."""
    beyond = _beyond(rows, ("blocks",))
    return f"{beyond}. {INTENDED}" if beyond else _within(rows, "blocks")


def warning_message(rows: Sequence[BoundedChange]) -> str:
    """What is to be looked at."""
    beyond = _beyond(rows, ("blocks", "warns"))
    return f"{beyond}." if beyond else _within(rows, "warns")


def _within(rows: Sequence[BoundedChange], verb: str) -> str:
    compared = [row for row in rows if row.outcome != "not_compared"]
    if not compared:
        return FIRST
    furthest = max(compared, key=lambda row: row.of_warning)
    value = f"{furthest.column} is the furthest, at {furthest.value:.3g}"
    return f"None of {len(compared)} values {verb}: {value} (warns above {furthest.warn:g})."


def _beyond(rows: Sequence[BoundedChange], outcomes: tuple[Outcome, ...]) -> str:
    """The furthest value of each measure, the furthest measure first."""
    by_measure: dict[str, list[BoundedChange]] = {}
    for row in sorted(rows, key=lambda row: row.of_warning, reverse=True):
        if row.outcome in outcomes:
            by_measure.setdefault(row.measure, []).append(row)
    return "; ".join(_sentence(rows) for rows in by_measure.values())


def _sentence(rows: Sequence[BoundedChange]) -> str:
    first = rows[0]
    bound, verb = (first.block, "blocks") if first.outcome == "blocks" else (first.warn, "warns")
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{first.measure}, {first.column}: {first.value:.3g} ({verb} above {bound:g}){more}"
