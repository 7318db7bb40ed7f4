"""What the report shows: plain rows, filled from the artifacts by whoever calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alignment_dagster.foundation.placement import Price
from alignment_dagster.report.canaries import CanaryRow
from alignment_dagster.report.canary_outcomes import CanaryOutcome
from alignment_dagster.report.filter_quality import FilterQuality
from alignment_dagster.report.results import ResultRow, TopicRow
from alignment_dagster.study import Recipe, Suite
from alignment_dagster.synthesis.summary import WrittenSummary

LIMITS = (
    "Two-option questions measure which answer a model finds likelier, not what it would do.",
    "Seeds vary initialisation and data order only; the corpus and the questions are one draw.",
    "Intervals are at 95 % each. The p-values of the comparisons also stand corrected by Holm's "
    "method over their family. Each claim is tested on its own at 95 %, and its Holm-corrected "
    "p-value stands beside it.",
    "The attacks are a declared list under a declared budget: somebody who tries other ones, or "
    "for longer, may do better.",
    "Tampering ends at the last step measured: a benefit that is still there may go later.",
    "Stored attacks and the items on which recipes disagree most are shown because they are "
    "extreme; they are no sample.",
    "The record of what was trained on, and of which claims were declared before, is evidence "
    "against mistakes, not against a dishonest trainer.",
)


@dataclass(frozen=True)
class ComparisonRow:
    """`recipe` less `against`, on the same scenarios."""

    recipe: str
    against: str
    stage: str
    suite: str
    prompt: str
    metric: str
    value: float
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    mcnemar_b: int
    mcnemar_c: int
    mcnemar_p: float
    detectable: float
    """The smallest difference found with 80 % power at a two-sided 5 % level."""
    equivalent: bool | None
    """Whether the two were shown to differ by less than `margin`; None without a margin."""
    margin: float | None
    n: int
    seeds: int


@dataclass(frozen=True)
class ClaimRow:
    """A declared claim, its verdict and its evidence."""

    name: str
    statement: str
    verdict: str
    """`supported`, `refuted` or `undecided`."""
    value: float
    """By how much the recipe is lower (`lower`, `not_higher`) or higher than the other."""
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    n: int
    """Scenarios."""
    seeds: int
    """Of the recipe that has fewer; with one, nothing is decided."""
    detectable: float
    """The effect, or the margin, that is found with 80 % power; 0 where nothing was measured."""
    by_at_least: float
    within: float | None
    relation: str
    recipe: str
    than: str
    suite: str
    stage: str
    prompt: str
    attack: str | None
    declared_before: int
    """Checkpoints behind the claim in whose provenance its digest stood when they were trained."""
    checkpoints: int
    """Checkpoints behind the claim."""
    sentence: str
    reason: str


@dataclass(frozen=True)
class ErosionPoint:
    """The misalignment rate after so many steps of tampering."""

    tampering: str
    kind: str
    recipe: str
    seed: int | None
    """None for the pool over all seeds."""
    suite: str
    step: int
    tokens: int
    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class ErosionSummary:
    """What is left of a recipe's benefit (baseline less recipe) when tampering ends."""

    tampering: str
    kind: str
    recipe: str
    baseline: str
    suite: str
    before: float
    before_low: float
    before_high: float
    after: float
    after_low: float
    after_high: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    half_steps: float | None
    half_tokens: float | None
    half_note: str
    """Why there is no half-life, where there is none."""
    area: float
    """Between the curves: mean benefit over log2(step + 1)."""
    area_low: float
    area_high: float


@dataclass(frozen=True)
class PersistenceRow:
    """A recipe's benefit (baseline less recipe) at one stage and at a later one."""

    recipe: str
    baseline: str
    suite: str
    from_stage: str
    to_stage: str
    before: float
    before_low: float
    before_high: float
    after: float
    after_low: float
    after_high: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    note: str
    """Why there is no ratio, where there is none."""


@dataclass(frozen=True)
class AttackRow:
    """The share of items that an attack broke; `worst_case` counts any attack."""

    recipe: str
    stage: str
    suite: str
    attack: str
    value: float
    ci_low: float
    ci_high: float
    n: int
    seeds: int
    without: float
    """The rate without an attack, on the same items."""


@dataclass(frozen=True)
class AttackExample:
    """An item that an attack broke, with all text that went in and came out."""

    recipe: str
    seed: int
    stage: str
    suite: str
    attack: str
    item_id: str
    adversarial: str
    """The string that was found or added; empty where there is none."""
    prompt: str
    generation: str


@dataclass(frozen=True)
class Disagreement:
    """An item that recipes answer differently."""

    suite: str
    stage: str
    item_id: str
    question: str
    aligned: str
    misaligned: str
    rates: Mapping[str, float]
    """Recipe → share of its answers (seeds and formats) that are the misaligned option."""


@dataclass(frozen=True)
class FormatRow:
    """A recipe's rate in one format of a suite."""

    recipe: str
    stage: str
    suite: str
    format: str
    value: float
    """By the suite's declared rule."""
    ci_low: float
    ci_high: float
    n: int
    """Scenarios."""
    summed: float | None
    """Where options are compared by their summed log-probability."""
    by_length: float | None
    """The same of a model to which all tokens are equally likely: it takes the shorter option."""
    first_shown: float | None
    """Share of answers that are the option shown first; None where options are not shown."""
    ties: int
    """Answers of all seeds in which the counted option ties with another one."""


@dataclass(frozen=True)
class DriftRow:
    """Held-out bits per byte of one source at one stage."""

    recipe: str
    source: str
    stage: str
    value: float
    ci_low: float
    ci_high: float


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
class SourceRows:
    """The rows of a source as they were read, each in one of three places."""

    source: str
    documents: int
    repeated: int
    """Those that say what an earlier row says."""
    quarantined: int
    """Those that cannot be used."""

    @property
    def rows(self) -> int:
        """All of them."""
        return self.documents + self.repeated + self.quarantined


@dataclass(frozen=True)
class LeakRow:
    """How many leaks of a suite's items the contamination check finds, of one way of leaking."""

    suite: str
    leak: str
    probes: int
    found: int
    recall: float


@dataclass(frozen=True)
class ComputeRow:
    """What one stage took, over all models."""

    stage: str
    models: int
    machine: str
    """Architecture and torch; several where it was made on several."""
    device: str
    parameters: int
    """Of the largest model."""
    tokens: int | None
    """Trained on; None where nothing is trained."""
    seconds: float
    device_seconds: float
    """As many times the seconds as devices shared the work."""


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
    baseline: str
    """The recipe that the others are compared with."""
    chances: Mapping[str, float] = field(default_factory=dict)
    """Suite → the rate of answers by chance; of suites with options only."""
    topics: Sequence[TopicRow] = ()
    comparisons: Sequence[ComparisonRow] = ()
    claims: Sequence[ClaimRow] = ()
    erosion: Sequence[ErosionPoint] = ()
    erosion_summaries: Sequence[ErosionSummary] = ()
    persistence: Sequence[PersistenceRow] = ()
    attacks: Sequence[AttackRow] = ()
    attack_examples: Sequence[AttackExample] = ()
    disagreements: Sequence[Disagreement] = ()
    formats: Sequence[FormatRow] = ()
    drift: Sequence[DriftRow] = ()
    tampered_drift: Sequence[DriftRow] = ()
    """Of the stages `<tampering>@<step>`."""
    composition: Sequence[CompositionRow] = ()
    losses: Sequence[LossPoint] = ()
    dispositions: Sequence[DispositionCount] = ()
    read: Sequence[SourceRows] = ()
    filter_quality: Sequence[FilterQuality] = ()
    leaks: Sequence[LeakRow] = ()
    canaries: Sequence[CanaryRow] = ()
    canary_outcomes: Sequence[CanaryOutcome] = ()
    written: Sequence[WrittenSummary] = ()
    compute: Sequence[ComputeRow] = ()
    price: Price | None = None
    """Of a device hour, where the home declares it."""
    checks: Sequence[CheckOutcome] = ()
    versions: Sequence[ArtifactVersion] = ()
    limits: Sequence[str] = LIMITS
