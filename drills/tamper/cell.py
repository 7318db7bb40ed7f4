"""One cell of the matrix: an alteration of one thing, and what has to be said about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alignment_dagster.audit.check import check_study
from alignment_dagster.graph.stale_reasons import StaleReasons
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.steps.registry import STEPS
from drills.tamper.place import Place

Names = tuple[tuple[str, ...], ...]
"""Ways of naming what was altered: one finding must hold every string of one of them."""
Alter = Callable[[Place], Names]


@dataclass(frozen=True)
class Findings:
    """What a check says, a line for each."""

    gaps: tuple[str, ...]
    changes: tuple[str, ...] = ()


def look_at_study(place: Place) -> Findings:
    """The check of the whole study, as `alignment audit check` does it."""
    today = StaleReasons(load_study(place.study, place.folder / "assets"), STEPS)
    report = check_study(place.archive, place.home, today=today)
    return Findings(
        tuple(f"{gap.kind}: {gap.subject}: {gap.message}" for gap in report.gaps),
        tuple(f"{change.subject}: {change.message}" for change in report.changes),
    )


@dataclass(frozen=True)
class Cell:
    """An alteration, of what, and what has to be found."""

    group: str
    mutation: str
    of: str
    alter: Alter
    found: str = "gap"
    """Where it has to be named: as a `gap`, as a `change`, or `nowhere` where none can be."""
    why: str = ""
    """Why nothing can find it."""
    always: bool = True
    """Whether it is part of the test suite; the benchmark runs all."""
    rewrites: bool = False
    """Whether the records in the lake are made to agree with what was altered."""
    look: Callable[[Place], Findings] = look_at_study

    @property
    def name(self) -> str:
        return f"{self.mutation} | {self.of}"


def named(*strings: str) -> Names:
    """One way of naming it: all of the strings in one message."""
    return (strings,)


def naming(names: Names, findings: Sequence[str]) -> str | None:
    """The first finding that names what was altered."""
    for text in findings:
        if any(all(part in text for part in way) for way in names):
            return text
    return None


def wrong_with(cell: Cell, names: Names, found: Findings) -> str | None:
    """How a check's findings depart from what the cell asks for."""
    if cell.found == "nowhere":
        return f"is found after all: {found.gaps[0]}" if found.gaps else None
    if cell.found == "change" and found.gaps:
        return f"an honest edit is called a gap: {found.gaps[0]}"
    told = found.gaps if cell.found == "gap" else found.changes
    if not told:
        return "is not found"
    if naming(names, told) is None:
        return f"is found and not named as {names}: {told[:3]}"
    return None
