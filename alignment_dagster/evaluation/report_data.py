"""What the report shows: plain rows, filled from the artifacts by whoever calls it."""

from collections.abc import Sequence
from dataclasses import dataclass

from alignment_dagster.evaluation.results import DifferenceRow, ResultRow, TopicRow
from alignment_dagster.study import Recipe, Suite

LIMITS = (
    "Two-option questions measure which answer a model finds likelier, not what it would do.",
    "Seeds vary initialisation and data order only; the corpus and the questions are one draw.",
    "Intervals are at 95 % each; they are not corrected for the number of comparisons.",
    "The record of what was trained on is evidence against mistakes, not against a dishonest "
    "trainer.",
)


@dataclass(frozen=True)
class CompositionRow:
    """The share of one source in a recipe's mix."""

    recipe: str
    source: str
    group: str
    tokens: int
    share: float


@dataclass(frozen=True)
class LossPoint:
    """Training loss (nats per token) of one replicate after so many tokens."""

    recipe: str
    seed: int
    tokens: int
    loss: float


@dataclass(frozen=True)
class DispositionCount:
    """How many documents of a source a recipe kept, or dropped by a rule."""

    recipe: str
    source: str
    state: str
    rule: str | None
    documents: int
    characters: int


@dataclass(frozen=True)
class FilterQuality:
    """The AI-discourse filter on the sources whose label is known."""

    recipe: str
    precision: float
    recall: float
    documents: int


@dataclass(frozen=True)
class CheckOutcome:
    """An asset check, and what it said."""

    asset: str
    partition: str
    name: str
    passed: bool
    summary: str


@dataclass(frozen=True)
class ArtifactVersion:
    """An artifact that the report rests on."""

    asset: str
    partition: str
    version: str


@dataclass(frozen=True)
class ReportData:
    """Everything on the page. Empty sequences leave their section out."""

    study: str
    description: str
    recipes: Sequence[Recipe]
    suites: Sequence[Suite]
    results: Sequence[ResultRow]
    topics: Sequence[TopicRow] = ()
    differences: Sequence[DifferenceRow] = ()
    composition: Sequence[CompositionRow] = ()
    losses: Sequence[LossPoint] = ()
    dispositions: Sequence[DispositionCount] = ()
    filter_quality: Sequence[FilterQuality] = ()
    checks: Sequence[CheckOutcome] = ()
    versions: Sequence[ArtifactVersion] = ()
    limits: Sequence[str] = LIMITS
