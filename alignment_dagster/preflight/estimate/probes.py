"""How fast this machine trains a study's model, and what that holds: some steps, really taken.

What was found is kept in the home's cache, for `alignment run --dry-run`, which starts nothing.
"""

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from alignment_dagster.engines.limits import usable_memory
from alignment_dagster.foundation import job_process
from alignment_dagster.foundation.atomic_files import atomic_file
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.job import PROGRESS, RESULT
from alignment_dagster.foundation.placement import NVIDIA, Placement
from alignment_dagster.preflight.estimate.model_size import ModelSize
from alignment_dagster.preflight.estimate.trainings import Training
from alignment_dagster.study import Study
from alignment_dagster.training.jobs import ProbeJob

MODULE = "alignment_dagster.training.pretraining.probe"
SECONDS = 4.0
"""For steps, beside the first ones."""
PATIENCE_SECONDS = 150.0
"""For everything but imports: compilation on an accelerator takes up to a minute."""


@dataclass(frozen=True)
class Probed:
    """What one rank did and held; bytes and seconds."""

    device: str
    fits: bool
    """Whether the declared batch does."""
    batch_size: int
    """The largest that is known to fit; sequences."""
    peak_memory: int
    """Of the process on the CPU, of the device on an accelerator."""
    process: int
    """Of these before there was a model."""
    weights: int
    gradients: int
    optimizer: int
    flops_per_token: float
    tokens_per_second: float | None = None
    """None where the declared batch does not fit."""
    first_step: float = 0.0
    needed: int | None = None
    """By the declared batch, beside the process, where that would be too much."""

    @property
    def most(self) -> int:
        """What the declared batch holds, or would."""
        return self.peak_memory if self.needed is None else self.process + self.needed


def probe_job(study: Study, training: Training, size: ModelSize, placement: Placement) -> ProbeJob:
    """What is measured for a training: the part of one of its ranks."""
    declared, settings = study.declaration, training.settings
    share = -(-settings.sequences_a_step // settings.ranks)
    batch = min(settings.batch_size, share)
    update = {
        "ranks": 1,
        "batch_size": batch,
        "accumulation": -(-share // batch),
        # What a recipe says of its tokens is not made up: its loss costs the same.
        "objective": "maximum_likelihood",
    }
    return ProbeJob(
        model=declared.model,
        base=declared.base,
        vocabulary=size.vocabulary,
        pretraining=settings.model_copy(update=update),
        sequence_length=training.length,
        context=max(training.length, declared.mix.sequence_length),
        bounded=declared.mix.packing == "best_fit",
        seconds=SECONDS,
        memory=usable_memory().available,
        work="nowhere",
        device=placement.device,
        determinism=placement.determinism,
    )


def take(home: Home, job: ProbeJob) -> Probed:
    """Run the probe in a process of its own, of which nothing is left.

    Raises:
        AlignmentError: if there is no such device or model, or a step takes longer than is waited.
    """
    with tempfile.TemporaryDirectory(prefix="alignment-probe-") as folder:
        work = Path(folder)
        given = job.model_copy(update={"work": folder})
        config = work / "job.json"
        config.write_text(given.model_dump_json(), encoding="utf-8")
        began: list[float] = []

        def wait() -> None:
            # Before it speaks it imports, which takes long where much else runs.
            if not began and (work / PROGRESS).exists():
                began.append(time.monotonic())
            if began and time.monotonic() > began[0] + PATIENCE_SECONDS:
                raise AlignmentError(f"some steps took longer than {PATIENCE_SECONDS:.0f} s")

        job_process.run(job_process.Command(MODULE, config, work, {}), wait)
        found = read_result(work)
    place = _place(home, job)
    place.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(place) as aside:
        aside.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


def recall(home: Home, job: ProbeJob) -> Probed | None:
    """What was found before of the very same, on this machine; None where it was not."""
    try:
        return Probed(**json.loads(_place(home, job).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _place(home: Home, job: ProbeJob) -> Path:
    measured = job.model_dump(mode="json", exclude={"work", "memory", "seconds"})
    about = {
        "job": measured,
        "torch": metadata.version("torch"),
        "accelerator": any(path.exists() for path in NVIDIA),
    }
    return home.cache / "probes" / f"{sha256_json(about)[:16]}.json"


def read_result(work: Path) -> Probed:
    """What a probe left in its folder."""
    result: dict[str, float | str] = json.loads((work / RESULT).read_text(encoding="utf-8"))
    rate, needed = result.get("tokens_per_second"), result.get("needed_bytes")
    return Probed(
        device=str(result["device"]),
        fits=bool(result["fits"]),
        batch_size=int(result["batch_size"]),
        peak_memory=int(result["peak_memory_bytes"]),
        process=int(result["process_bytes"]),
        weights=int(result["weight_bytes"]),
        gradients=int(result["gradient_bytes"]),
        optimizer=int(result["optimizer_bytes"]),
        flops_per_token=float(result["flops_per_token"]),
        tokens_per_second=None if rate is None else float(rate),
        first_step=float(result.get("first_step_seconds", 0.0)),
        needed=None if needed is None else int(needed),
    )
