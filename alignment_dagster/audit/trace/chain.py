"""The chain behind a metric: for each seed the measurement, the checkpoint, and what it read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alignment_dagster.audit.ledgers import find_skipped, recipe_and_seed
from alignment_dagster.chain import (
    CURATED_MIX,
    DISPOSITIONS,
    POST_TRAINED_CHECKPOINT,
    POST_TRAINING_STAGES,
    PRETRAINED_CHECKPOINT,
    TOKENIZER,
    TRUNK_CHECKPOINT,
)
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive, parse_name
from alignment_dagster.lineage.base import RecordedBase, recorded_base
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.names import metric_name
from alignment_dagster.report.results import TAMPERED, ResultRow, is_tampered, origin

TRUNK, PRETRAINING = "trunk", "pretraining"
BASE = "base"


@dataclass(frozen=True)
class ConsumptionLedger:
    """What a stage of training read, step by step."""

    stage: str
    """`trunk`, `pretraining`, `sft`, `dpo`, `grpo`, or a tampering's name."""
    checkpoint: Artifact
    path: Path
    dispositions: tuple[Path, ...]
    """Which documents the recipe kept or dropped when this stage read them, and why."""
    last: int | None = None
    """The last step that counts; None for all."""
    mix: Artifact | None = None
    """Whose sequences it names; None where it names documents."""

    @cached_property
    def skipped(self) -> frozenset[int]:
        """Of the steps that count, those that the guard left out: nothing was learnt from them."""
        if self.mix is None:
            return frozenset()
        steps = find_skipped(self.path.parent)
        return frozenset(one for one in steps if self.last is None or one <= self.last)


@dataclass(frozen=True)
class Replicate:
    """One seed's part of a metric."""

    recipe: str
    seed: int
    measurement: Artifact
    mix: Artifact
    """The recipe's own."""
    tokenizer: Artifact
    ledgers: tuple[ConsumptionLedger, ...]
    """In the order of training; the first is pretraining's, or its trunk's."""

    @property
    def mixes(self) -> tuple[Artifact, ...]:
        """What was pretrained on: of a branch also the mix that its trunk read."""
        return tuple({one.mix.label: one.mix for one in self.ledgers if one.mix}.values())


@dataclass(frozen=True)
class Part:
    """A part of the answers behind a metric: of one topic, or in one format."""

    name: str
    """What the number is called."""
    column: str
    """`topic` or `format`."""
    value: str


@dataclass(frozen=True)
class Chain:
    """A metric, and everything behind it."""

    row: ResultRow
    replicates: tuple[Replicate, ...]
    artifacts: tuple[Artifact, ...]
    """The measurements and all their ancestors, in the chain's order."""
    part: Part | None = None
    """Of the metric's answers these alone; None for all."""

    @property
    def name(self) -> str:
        """What the number is called."""
        return self.part.name if self.part else metric_name(self.row)

    @cached_property
    def mixes(self) -> tuple[Artifact, ...]:
        """What was pretrained on: one mix of each recipe, unless seeds have different ones."""
        return tuple({mix.label: mix for one in self.replicates for mix in one.mixes}.values())

    @cached_property
    def tokenizers(self) -> tuple[Artifact, ...]:
        """The vocabularies; one, as a rule."""
        return tuple({one.tokenizer.label: one.tokenizer for one in self.replicates}.values())

    @cached_property
    def bases(self) -> tuple[RecordedBase, ...]:
        """The checkpoints that were trained elsewhere and gone on from; one, or none, as a rule."""
        found = (recorded_base(one.ledgers[0].checkpoint) for one in self.replicates)
        return tuple({one.digest: one for one in found if one is not None}.values())

    def seeds(self, mix: Artifact) -> tuple[int, ...]:
        """The seeds that were trained on a mix."""
        return tuple(one.seed for one, _ in self.readers(mix))

    def readers(self, mix: Artifact) -> list[tuple[Replicate, list[ConsumptionLedger]]]:
        """The seeds that were trained on a mix, each with its ledgers that name its sequences."""
        found = [
            (one, [each for each in one.ledgers if each.mix and each.mix.label == mix.label])
            for one in self.replicates
        ]
        return [(one, ledgers) for one, ledgers in found if ledgers]

    def is_read_whole(self, mix: Artifact) -> bool:
        """Whether it is a recipe's own, and not that of a trunk which was left on the way."""
        return any(one.mix.label == mix.label for one in self.replicates)

    def ledgers(self, stage: str) -> tuple[ConsumptionLedger, ...]:
        """Each seed's ledger of a stage."""
        return tuple(
            ledger for one in self.replicates for ledger in one.ledgers if ledger.stage == stage
        )

    @cached_property
    def fine_tuning(self) -> tuple[str, ...]:
        """The stages behind the number that read conversations, in order."""
        ledgers = (ledger for one in self.replicates for ledger in one.ledgers)
        stages = (ledger.stage for ledger in ledgers if ledger.mix is None)
        return tuple(dict.fromkeys(stages))

    def ancestors_of(self, asset: str) -> tuple[Artifact, ...]:
        """The ancestors of one asset."""
        return tuple(one for one in self.artifacts if one.asset == asset)


def follow_chain(archive: Archive, row: ResultRow, part: Part | None = None) -> Chain:
    """The chain behind one row of a report.

    Raises:
        ArtifactError: if an artifact behind it is not in the lake, or names no such parent.
    """
    asset = origin(row.stage, row.metric)
    named = [(*parse_name(name)[:2], version) for name, version in row.artifacts.items()]
    measured = [archive.artifact(*key) for key in named if key[0] == asset]
    replicates = tuple(follow_replicate(archive, one, row.stage) for one in measured)
    ordered = tuple(sorted(replicates, key=lambda one: one.seed))
    return Chain(row, ordered, tuple(archive.ancestors(measured, compared=False)), part)


def follow_replicate(archive: Archive, measured: Artifact, stage: str) -> Replicate:
    """The checkpoint that was measured at a stage, and all that was read to make it.

    Raises:
        ArtifactError: as `follow_chain`.
    """
    recipe, seed = recipe_and_seed(measured.partition)
    tuned = find_parent(archive, measured, POST_TRAINED_CHECKPOINT)
    base = find_parent(archive, tuned, PRETRAINED_CHECKPOINT)
    mix = find_parent(archive, base, CURATED_MIX)
    ledgers = find_pretraining_ledgers(archive, base)
    if is_tampered(stage):
        name, _, step = stage.partition(TAMPERED)
        ledgers += _post_training_ledgers(archive, tuned, _tampered_stage(measured, name))
        ledgers += [find_tampering_ledger(archive, measured, name, int(step))] if int(step) else []
    elif stage != BASE:
        ledgers += _post_training_ledgers(archive, tuned, stage)
    tokenizer = find_parent(archive, base, TOKENIZER)
    return Replicate(recipe or "", seed or 0, measured, mix, tokenizer, tuple(ledgers))


def find_parent(archive: Archive, artifact: Artifact, asset: str) -> Artifact:
    """The one parent of an asset.

    Raises:
        ArtifactError: if there is none.
    """
    for one in archive.parents(artifact):
        if one.asset == asset:
            return one
    raise ArtifactError(f"{artifact.label}: its provenance names no {asset}")


def find_pretraining_ledgers(archive: Archive, base: Artifact) -> list[ConsumptionLedger]:
    """What a pretrained checkpoint read: its trunk up to where it went on from it, then itself."""
    own = _sequence_ledger(archive, PRETRAINING, base, None)
    declared = base.provenance.declared.get("trunk")
    if declared is None:
        return [own]
    trunk = find_parent(archive, base, TRUNK_CHECKPOINT)
    return [_sequence_ledger(archive, TRUNK, trunk, declared["steps"]), own]


def _sequence_ledger(
    archive: Archive, stage: str, artifact: Artifact, last: int | None
) -> ConsumptionLedger:
    mix = find_parent(archive, artifact, CURATED_MIX)
    found = _dispositions(archive, mix, mix.partition or "")
    path = artifact.path / file_names.CONSUMPTION
    return ConsumptionLedger(stage, artifact, path, found, last, mix)


def find_post_training_ledger(archive: Archive, tuned: Artifact, stage: str) -> ConsumptionLedger:
    """What a stage of post-training read."""
    return _conversation_ledger(archive, tuned, stage, None)


def find_tampering_ledger(
    archive: Archive, tampered: Artifact, name: str, last: int | None = None
) -> ConsumptionLedger:
    """What a tampering read up to a step."""
    return _conversation_ledger(archive, tampered, name, last)


def _post_training_ledgers(archive: Archive, tuned: Artifact, last: str) -> list[ConsumptionLedger]:
    stages = POST_TRAINING_STAGES[: POST_TRAINING_STAGES.index(last) + 1]
    return [find_post_training_ledger(archive, tuned, stage) for stage in stages]


def _conversation_ledger(
    archive: Archive, artifact: Artifact, stage: str, last: int | None
) -> ConsumptionLedger:
    recipe, _ = recipe_and_seed(artifact.partition)
    found = _dispositions(archive, artifact, recipe or "")
    return ConsumptionLedger(
        stage, artifact, artifact.path / file_names.stage_consumption(stage), found, last
    )


def _dispositions(archive: Archive, artifact: Artifact, recipe: str) -> tuple[Path, ...]:
    """A recipe's files among the dispositions that an artifact was made with."""
    found = find_parent(archive, artifact, DISPOSITIONS)
    names = [name for name in found.manifest.files if name.startswith(f"{recipe}/")]
    return tuple(found.path / name for name in names)


def _tampered_stage(tampered: Artifact, name: str) -> str:
    """The stage that a tampering goes on from, as it was declared when it ran."""
    for declared in tampered.provenance.declared.get("tampering", ()):
        if declared["name"] == name:
            return str(declared["start"])
    raise ArtifactError(f"{tampered.label}: its provenance declares no tampering {name!r}")


def file_paths(artifacts: Sequence[Artifact], name: str) -> list[str]:
    """A file of each artifact, as DuckDB is told of it."""
    return [str(artifact.path / name) for artifact in artifacts]
