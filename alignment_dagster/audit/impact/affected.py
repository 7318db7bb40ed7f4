"""Which metrics of a report rest on withdrawn documents, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignment_dagster.audit.impact.trained import TrainingUse
from alignment_dagster.audit.impact.untrained_uses import LossUse, TokenizerUse
from alignment_dagster.audit.trace.chain import Replicate, follow_replicate
from alignment_dagster.lineage.archive import Archive, parse_name
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.cells import BITS_PER_BYTE
from alignment_dagster.report.names import metric_name
from alignment_dagster.report.results import ResultRow, origin
from alignment_dagster.study import HELD_OUT

TRAINED = "trained on it"
MEASURED = "measured on it"
CHOSEN = "through a classifier's choice"
VOCABULARY = "through the vocabulary only"
UNTOUCHED = "not affected"


@dataclass(frozen=True)
class AffectedMetric:
    """A metric and how it rests on what is withdrawn."""

    name: str
    row: ResultRow
    how: str
    """One of the five above; who was trained on it is also what is said of who measured on it."""
    stages: tuple[str, ...]
    """The stages of training, and `measured`, through which it came."""


@dataclass(frozen=True)
class UseIndex:
    """What was found, by what a metric's chain consists of."""

    ledgers: Mapping[tuple[str, str], TrainingUse]
    """Checkpoint and stage → what it read."""
    losses: Mapping[tuple[str, str], tuple[str, ...]]
    """Measurement and stage → the sources of withdrawn held-out documents."""
    tokenizers: frozenset[str]
    classified: frozenset[str]
    """The recipes that decide, treat or weigh by a classifier which learnt from any of them."""
    rewarded: frozenset[str] = frozenset()
    """The checkpoints whose reward is of such a classifier."""


def index_uses(
    training: Sequence[TrainingUse],
    losses: Sequence[LossUse],
    tokenizers: Sequence[TokenizerUse],
    classified: frozenset[str],
    rewarded: frozenset[str],
) -> UseIndex:
    """The findings, to be looked up."""
    measured: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in losses:
        key = (one.measurement.label, one.stage)
        measured[key] = (*measured.get(key, ()), one.source)
    return UseIndex(
        {(one.checkpoint.label, one.stage): one for one in training},
        measured,
        frozenset(one.tokenizer.label for one in tokenizers),
        classified,
        rewarded,
    )


def find_affected_metrics(
    archive: Archive, rows: Sequence[ResultRow], found: UseIndex
) -> list[AffectedMetric]:
    """Every metric of a report, in its order, with how it is affected.

    Raises:
        ArtifactError: if an artifact behind a metric is not in the lake.
    """
    replicates = ReplicateCache(archive)
    return [assess(row, replicates.of(row), found) for row in rows]


class ReplicateCache:
    """The chains behind metrics; each measurement and stage is followed once."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: dict[tuple[str, str], Replicate] = {}

    def of(self, row: ResultRow) -> list[Replicate]:
        """The replicates that a metric was measured on."""
        asset = origin(row.stage, row.metric)
        named = [(*parse_name(name)[:2], version) for name, version in row.artifacts.items()]
        return [
            self._one(self._archive.artifact(*key), row.stage) for key in named if key[0] == asset
        ]

    def _one(self, measured: Artifact, stage: str) -> Replicate:
        key = (measured.label, stage)
        if key not in self._known:
            self._known[key] = follow_replicate(self._archive, measured, stage)
        return self._known[key]


def assess(row: ResultRow, replicates: Sequence[Replicate], found: UseIndex) -> AffectedMetric:
    """How one metric is affected, from the chains behind it."""
    trained = [stage for one in replicates for stage in _find_training_stages(one, found)]
    measured = any(_is_measured_on(row, one, found) for one in replicates)
    stages = tuple(dict.fromkeys([*trained, *(["measured"] if measured else [])]))
    if trained:
        how = TRAINED
    elif measured:
        how = MEASURED
    elif any(_is_chosen(one, found) for one in replicates):
        how = CHOSEN
    else:
        through = any(one.tokenizer.label in found.tokenizers for one in replicates)
        how = VOCABULARY if through else UNTOUCHED
    return AffectedMetric(metric_name(row), row, how, stages)


def _find_training_stages(one: Replicate, found: UseIndex) -> list[str]:
    """The stages behind it that read any of them, not later than the step that was measured."""
    stages = []
    for ledger in one.ledgers:
        read = found.ledgers.get((ledger.checkpoint.label, ledger.stage))
        if read and (ledger.last is None or read.first_step <= ledger.last):
            stages.append(ledger.stage)
    return stages


def _is_chosen(one: Replicate, found: UseIndex) -> bool:
    """Whether a mix behind it, or its reward, went by such a classifier."""
    return any(mix.partition in found.classified for mix in one.mixes) or any(
        ledger.stage == "grpo" and ledger.checkpoint.label in found.rewarded
        for ledger in one.ledgers
    )


def _is_measured_on(row: ResultRow, one: Replicate, found: UseIndex) -> bool:
    if row.metric != BITS_PER_BYTE:
        return False
    sources = found.losses.get((one.measurement.label, row.stage), ())
    return bool(sources) if row.suite == HELD_OUT else row.suite.split("/", 1)[1] in sources
