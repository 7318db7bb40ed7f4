"""One cell of the matrix: an alteration of one thing, and what has to be said about it."""

from collections.abc import Callable
from dataclasses import dataclass

from tampers.place import Place

Names = tuple[tuple[str, ...], ...]
"""Ways of naming what was altered: one finding must hold every string of one of them."""
Alter = Callable[[Place], Names]


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

    @property
    def name(self) -> str:
        return f"{self.mutation} | {self.of}"


def named(*strings: str) -> Names:
    """One way of naming it: all of the strings in one message."""
    return (strings,)


def names_it(names: Names, findings: list[str]) -> bool:
    """Whether a finding names what was altered."""
    return any(all(part in text for part in way) for way in names for text in findings)
