"""What a page is made of: sections of blocks, each drawn by the template's macro of its kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class HeadlineItem:
    """A part of the headline: what it is about, and what is said of it."""

    lead: str
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """A paragraph; `heading` stands above it."""

    kind: ClassVar[str] = "text"
    text: str
    heading: str = ""


@dataclass(frozen=True)
class Drawing:
    """A figure of the page."""

    title: str
    svg: Any
    caption: str
    trace: str = ""
    """What `alignment audit trace` calls its numbers, with words in capitals to be filled in."""
    answers: str = ""
    """The suite whose answers it shows."""


@dataclass(frozen=True)
class Figures:
    """Figures side by side where there is room."""

    kind: ClassVar[str] = "figures"
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class Cell:
    """What stands in a table's cell, the interval below it, and a note; `mark` stands out."""

    value: str
    interval: str = ""
    note: str = ""
    mark: bool = False
    name: str = ""
    """What `alignment audit trace` calls the number."""


@dataclass(frozen=True)
class Line:
    """A row of a table; `mark` stands out."""

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]
    mark: bool = False


@dataclass(frozen=True)
class Group:
    """Rows of a table under one heading; without one where it is empty."""

    heading: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Pivot:
    """A table of labels and numbers; its last column is text where `noted`."""

    kind: ClassVar[str] = "pivot"
    caption: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    noted: bool = False


@dataclass(frozen=True)
class Verdict:
    """A claim in one line."""

    verdict: str
    shown: str
    """The verdict as it is worded."""
    sign: str
    statement: str
    effect: str
    p_holm: str


@dataclass(frozen=True)
class Verdicts:
    """What became of every claim, a line each."""

    kind: ClassVar[str] = "verdicts"
    caption: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class ClaimCard:
    """A claim with its verdict; `evidence` are pairs of a name and what stands for it."""

    name: str
    line: Verdict
    sentence: str
    late: str
    trace: str
    """What `alignment audit trace` calls it."""
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Claims:
    """The evidence of each claim."""

    kind: ClassVar[str] = "claims"
    claims: tuple[ClaimCard, ...]


@dataclass(frozen=True)
class Passage:
    """A labelled piece of foreign text."""

    label: str
    text: str


@dataclass(frozen=True)
class Bar:
    """A share between 0 and 1, as a bar."""

    label: str
    value: str
    width: str
    """In percent of the room there is."""
    colour: str


@dataclass(frozen=True)
class Exhibit:
    """Foreign text under a title, with the shares of recipes where there are any."""

    title: str
    about: str
    passages: tuple[Passage, ...]
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Exhibits:
    """Several pieces of foreign text."""

    kind: ClassVar[str] = "exhibits"
    label: str
    exhibits: tuple[Exhibit, ...]


@dataclass(frozen=True)
class Term:
    """A name, what it is, and what else is known of it."""

    name: str
    text: str
    more: str = ""


@dataclass(frozen=True)
class Terms:
    """Names and what they are."""

    kind: ClassVar[str] = "terms"
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Checks:
    """Asset checks and their outcomes; rows of `CheckOutcome`."""

    kind: ClassVar[str] = "checks"
    checks: Sequence[Any]


@dataclass(frozen=True)
class Versions:
    """Artifacts behind the page; rows of `ArtifactVersion`."""

    kind: ClassVar[str] = "versions"
    versions: Sequence[Any]


@dataclass(frozen=True)
class Sentences:
    """A list of sentences."""

    kind: ClassVar[str] = "sentences"
    sentences: Sequence[str]


Block = (
    Text | Figures | Pivot | Verdicts | Claims | Exhibits | Terms | Checks | Versions | Sentences
)


@dataclass(frozen=True)
class Section:
    """A part of the page: what is seen at once, and what is folded; left out where neither is."""

    anchor: str
    title: str
    intro: str
    blocks: tuple[Block, ...]
    more: tuple[Block, ...] = ()
    summary: str = ""
    """What stands for `more` while it is folded."""


def keep_filled(*blocks: Block | None) -> tuple[Block, ...]:
    """The blocks that there are; figures count where one is drawn."""
    return tuple(
        block
        for block in blocks
        if block is not None and not (isinstance(block, Figures) and not block.drawings)
    )
