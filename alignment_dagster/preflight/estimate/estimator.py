"""What an artifact of a study will take: seconds and bytes, and where each number is from."""

from collections.abc import Mapping
from dataclasses import dataclass

from alignment_dagster import chain
from alignment_dagster.lineage.partition_keys import Partition, recipe_of
from alignment_dagster.preflight.estimate.amounts import ratio, scaled_seconds
from alignment_dagster.preflight.estimate.evidence import Earlier, Evidence
from alignment_dagster.preflight.estimate.model_size import ModelSize
from alignment_dagster.preflight.estimate.probes import Probed
from alignment_dagster.preflight.estimate.sizes import declared_bytes
from alignment_dagster.preflight.estimate.trainings import Training, find_training
from alignment_dagster.study import Study

PROBED, DECLARED, UNKNOWN = "probe", "declared", "unknown"
CHECKPOINTS = (*chain.PRETRAINING_STAGES, chain.POST_TRAINED_CHECKPOINT)
JOBS = (*CHECKPOINTS, *chain.MEASUREMENTS, chain.HARNESS)
"""Assets whose time depends on the model and the device."""
Shape = tuple[int, int]
"""Sequences in a batch, and their length."""


def shape_of(training: Training) -> Shape:
    """What a training's speed is measured for."""
    return training.settings.batch_size, training.length


@dataclass(frozen=True)
class Estimate:
    """Of one artifact; None for what is not known."""

    seconds: float | None
    seconds_from: str
    bytes: int | None
    bytes_from: str
    devices: int = 1
    """That work side by side on it."""


@dataclass(frozen=True)
class Estimator:
    """Estimates the artifacts of one study."""

    study: Study
    evidence: Evidence
    size: ModelSize
    rates: Mapping[Shape, Probed]
    """What was probed, by shape."""
    on_cpu: bool
    """Where jobs will run: what another device took says nothing."""

    def estimate(self, asset: str, partition: Partition) -> Estimate:
        """Of one artifact, whether or not it is there."""
        before = self._nearest(asset, partition)
        size = self.size
        declared = declared_bytes(self.study, asset, partition, size.parameters, size.vocabulary)
        if declared is not None:
            held, held_from = declared, DECLARED
        elif before is not None:
            held = round(before.bytes * ratio(self.study, asset, partition, before))
            held_from = before.words
        else:
            held, held_from = None, UNKNOWN
        if asset in chain.PRETRAINING_STAGES:
            training = find_training(self.study, asset, recipe_of(partition))
            seconds, seconds_from = self._training_seconds(training, before)
            return Estimate(seconds, seconds_from, held, held_from, training.settings.ranks)
        if before is None or (asset in JOBS and not self._is_alike(before)):
            return Estimate(None, UNKNOWN, held, held_from)
        seconds = scaled_seconds(self.study, asset, partition, before)
        return Estimate(seconds, before.words, held, held_from)

    def _nearest(self, asset: str, partition: Partition) -> Earlier | None:
        found = self.evidence.nearest(asset, partition)
        if found is None or asset not in (*chain.BY_SOURCE, chain.CLASSIFIER):
            return found
        # Another source says nothing of this one.
        return found if found.artifact.partition == partition else None

    def _training_seconds(
        self, training: Training, before: Earlier | None
    ) -> tuple[float | None, str]:
        probed = self.rates.get(shape_of(training))
        if probed is not None and probed.tokens_per_second:
            rate = probed.tokens_per_second * training.settings.ranks
            return probed.first_step + training.tokens / rate, PROBED
        if before is not None and self._is_alike(before):
            rate = before.measured("tokens_per_second") or 0.0
            if rate:
                return training.tokens / rate, before.words
        return None, UNKNOWN

    def _is_alike(self, before: Earlier) -> bool:
        """Whether it ran on such a device, with a model of this size."""
        device = before.artifact.provenance.measured.get("device", "cpu")
        models = self.evidence.all(chain.PRETRAINED_CHECKPOINT)
        own = [one for one in models if one.smoke == before.smoke]
        sizes = {one.measured("parameters") for one in own}
        # A tiny corpus gives the smoke run a smaller vocabulary.
        alike = before.smoke or not sizes or sizes == {self.size.parameters}
        return (device == "cpu") == self.on_cpu and alike
