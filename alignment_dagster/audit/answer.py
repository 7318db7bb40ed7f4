"""An answer to a reviewer's question: the same content for the terminal, as JSON, and as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Tone = Literal["plain", "good", "bad", "dim", "strong"]


@dataclass(frozen=True)
class Node:
    """A line of a tree, and what hangs below it."""

    text: str
    detail: str = ""
    children: Sequence["Node"] = ()
    tone: Tone = "plain"
    link: str | None = None
    """Where the page leads from here: an address made by `links`."""
    folded: bool | None = None
    """Whether a page shows what hangs below only when it is opened; None by depth and length."""


@dataclass(frozen=True)
class Link:
    """A cell, or a column's name, that leads a page's reader on."""

    text: str
    address: str


Cell = str | int | float | Link | None


def cell_text(value: Cell) -> str:
    """What a cell shows: a dash for nothing, numbers with commas or four digits."""
    if value is None:
        return "-"
    if isinstance(value, Link):
        return value.text
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


@dataclass(frozen=True)
class Table:
    """Rows of texts and numbers; numbers are aligned to the right."""

    caption: str
    columns: Sequence[str | Link]
    rows: Sequence[Sequence[Cell]]
    left_out: int = 0
    """Rows that are not shown; the JSON has them, or says where they are."""
    shown: int | None = None
    """Rows that a terminal shows; a page folds a longer table. None for all."""
    stacked: bool = False
    """Whether a narrow page shows the cells of a row below each other."""


@dataclass(frozen=True)
class Answer:
    """Title, plain sentences, then trees and tables; `data` is what `--json` prints.

    Texts may come from documents: whoever shows them escapes them.
    """

    title: str
    sentences: Sequence[str]
    blocks: Sequence[Node | Table]
    data: Mapping[str, Any]
    """JSON-able, complete: nothing is cut."""
    tone: Tone = "plain"
    warnings: Sequence[str] = field(default=())
    """Said first, and in red."""
