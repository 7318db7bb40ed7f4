"""What a whole study takes: its trainings, memory, time and disk, before it starts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from alignment_dagster.chain import WAVES
from alignment_dagster.engines.limits import usable_cores
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.placement import Placement
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.preflight.estimate import probes
from alignment_dagster.preflight.estimate.estimator import Estimate, Estimator, Shape, shape_of
from alignment_dagster.preflight.estimate.evidence import Evidence
from alignment_dagster.preflight.estimate.memory import (
    available_memory,
    batch_advice,
    require_place,
    workers_advice,
)
from alignment_dagster.preflight.estimate.model_size import ModelSize, measure_model
from alignment_dagster.preflight.estimate.probes import Probed
from alignment_dagster.preflight.estimate.trainings import Training, trainings
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study

SIDE_BY_SIDE = 2
"""Partitions that `alignment run` computes at once, on a machine of two cores or more."""


@dataclass(frozen=True)
class AssetEstimate:
    """All partitions of one asset."""

    asset: str
    estimates: tuple[Estimate, ...]

    @property
    def seconds(self) -> float | None:
        """One after the other; None where that of any is not known."""
        found = [one.seconds for one in self.estimates]
        return None if None in found else sum(one or 0.0 for one in found)

    @property
    def device_seconds(self) -> float | None:
        """The same, of all devices that work on them together."""
        found = [one.seconds for one in self.estimates]
        known = (seconds * one.devices for one in self.estimates if (seconds := one.seconds))
        return None if None in found else sum(known)

    @property
    def bytes(self) -> int | None:
        """On disk; None where that of any is not known."""
        found = [one.bytes for one in self.estimates]
        return None if None in found else sum(one or 0 for one in found)


@dataclass(frozen=True)
class StudyEstimate:
    """Everything that is known of a study beforehand."""

    study: Study
    size: ModelSize
    available: int
    """Bytes of memory that are free where jobs run."""
    trainings: tuple[Training, ...]
    probed: dict[Shape, Probed]
    assets: tuple[AssetEstimate, ...]
    at_once: int
    """Jobs that run side by side."""
    evidence: Evidence
    warnings: list[str] = field(default_factory=list)

    @property
    def unknown_time(self) -> list[str]:
        """Assets of which some partition's seconds are not known."""
        return [one.asset for one in self.assets if one.seconds is None]

    @property
    def unknown_disk(self) -> list[str]:
        """Those of which bytes are not."""
        return [one.asset for one in self.assets if one.bytes is None]

    @property
    def device_seconds(self) -> float:
        """Of all that is known."""
        return sum(one.device_seconds or 0.0 for one in self.assets)

    @property
    def bytes(self) -> int:
        """Of all that is known."""
        return sum(one.bytes or 0 for one in self.assets)

    @property
    def wall_seconds(self) -> float:
        """Of all that is known, from beginning to end."""
        return wall_seconds(
            [(one.asset, item.seconds or 0.0) for one in self.assets for item in one.estimates],
            self.at_once,
        )


def wall_seconds(work: Sequence[tuple[str, float]], at_once: int) -> float:
    """From beginning to end, where the partitions of a wave share the machine.

    Args:
        work: asset and seconds of each artifact.
    """
    total = 0.0
    for wave in WAVES:
        names = {asset.name for asset in wave}
        total += sum(seconds for asset, seconds in work if asset in names) / (
            at_once if any(STEPS[name].chain.by.value != "study" for name in names) else 1
        )
    return total


def estimate_study(study: Study, home: Home, placement: Placement) -> StudyEstimate:
    """Probe this machine with the study's model, and estimate every artifact.

    Raises:
        AlignmentError: if the device is not there, or the model cannot be made.
    """
    evidence = Evidence(Lake(home.lake), study.name)
    available = available_memory(placement.device)
    size = measure_model(study, evidence)
    found, warnings = tuple(trainings(study)), list[str]()
    probed: dict[Shape, Probed] = {}
    if short := require_place(size, available):
        warnings.append(short)
    else:
        shapes = {shape_of(one): one for one in found}
        for shape, training in shapes.items():
            job = probes.probe_job(study, training, size, placement)
            try:
                probed[shape] = probes.take(home, job)
            except AlignmentError as error:
                warnings.append(f"the speed is not known: {error}")
                continue
            warnings += filter(None, [batch_advice(study, training, probed[shape])])
    on_cpu = is_cpu(placement)
    estimator = Estimator(study, evidence, size, probed, on_cpu)
    assets = tuple(_assets(study, estimator))
    at_once = jobs_at_once(study, placement, on_cpu=on_cpu)
    most = max((one.most for one in probed.values()), default=0)
    warnings += filter(None, [workers_advice(at_once, most, available)])
    return StudyEstimate(study, size, available, found, probed, assets, at_once, evidence, warnings)


def jobs_at_once(study: Study, placement: Placement, *, on_cpu: bool) -> int:
    """As many as have accelerators of their own (`gpus`), or on cores threads of their own."""
    declared = study.declaration.pretraining
    if not on_cpu:
        return max(1, min(SIDE_BY_SIDE, (placement.gpus or 1) // declared.ranks))
    return max(1, min(SIDE_BY_SIDE, usable_cores() // declared.threads))


def _assets(study: Study, estimator: Estimator) -> Iterator[AssetEstimate]:
    for name, step in STEPS.items():
        if step.exists(study):
            partitions = step.partitions(study) or (None,)
            estimates = tuple(estimator.estimate(name, one) for one in partitions)
            yield AssetEstimate(name, estimates)


def is_cpu(placement: Placement) -> bool:
    """Whether jobs go to cores.

    Raises:
        AlignmentError: if the device is not there.
    """
    # Imported here for weight: torch takes seconds.
    from alignment_dagster.engines.devices import find_device

    return find_device(placement.device).type == "cpu"
