"""Steps of a finished pretraining, taken again to compare them with what was recorded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.training.guards import MEASURES
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.model_folder import write_model
from alignment_dagster.training.pretraining import checkpoint
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.pretrain import start_loop
from alignment_dagster.training.pretraining.value_head import take_value_head
from alignment_dagster.training.step_log import skipped_steps

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class TakenStep:
    """What one optimizer step consumed and gave."""

    step: int
    sequences: tuple[int, ...]
    chain: str
    loss: float | None
    gradient_norm: float | None
    """None where they are no numbers."""
    skipped: str | None


@dataclass(frozen=True)
class Segment:
    """Steps that were taken again."""

    steps: int
    """The last step of the training, as mix and declaration give it."""
    began_after: int
    """The step whose kept state it began with; 0 for where training began."""
    taken: tuple[TakenStep, ...]
    states: dict[int, str]
    """Step → hex SHA-256 of the state's tensors, where the artifact keeps that state."""
    weights: str | None
    """Hex SHA-256 of the final weights' file, where the last step was taken."""

    @property
    def skips(self) -> bool:
        """Whether the guard left out any of the steps."""
        return any(one.skipped for one in self.taken)


def replay(
    job: PretrainJob,
    first: int,
    last: int,
    checkpoint_folder: Path,
    report: Callable[[int, int], None],
) -> Segment:
    """Take the steps `first` to `last` (1-based) again.

    Begins with the nearest state kept in the checkpoint's folder before `first`, else where the
    training began: with its trunk's state, a checkpoint that was trained elsewhere, or the random
    weights of the seed. Writes to `job.work` alone.

    Args:
        report: called after each step with the steps taken and the steps to take.

    Raises:
        AlignmentError: if mix or tokenizer cannot be used, or there are fewer steps.
    """
    loop = start_loop(job)
    if last > loop.last:
        raise ArtifactError(f"mix and declaration give {loop.last} steps, and not {last}")
    kept = checkpoint.saved_steps(checkpoint_folder)
    start = loop.state.step
    begin = max((step for step in kept if step < first), default=start)
    if begin > start:
        _restore(checkpoint.state_folder(checkpoint_folder, begin), loop)
    aside = Path(job.work)
    aside.mkdir(parents=True, exist_ok=True)
    taken, states = [], {}
    while loop.state.step < last:
        loop.step()
        loop.read()
        report(loop.state.step - begin, last - begin)
        if (step := loop.state.step) >= first:
            taken.append(_replayed_step(loop))
            if step in kept:
                states[step] = loop.state.digest(aside / checkpoint.TENSORS)
    return Segment(
        loop.last,
        begin,
        tuple(taken),
        states,
        _weights_digest(loop, job) if loop.done and not job.branch_steps else None,
    )


def _restore(folder: Path, loop: Loop) -> None:
    """A state that is whole as signed may still be none: its writer may have lied."""
    try:
        checkpoint.restore(folder, loop.state)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"{folder}: is no state of this training ({error!r})") from None


def _replayed_step(loop: Loop) -> TakenStep:
    consumed, logged = loop.state.ledger.rows[-1], loop.state.log[-1]
    loss, norm = (None if (one := logged[name]) is None else float(one) for name in MEASURES)
    return TakenStep(
        consumed.step,
        tuple(int(item) for item in consumed.items),
        consumed.chain,
        loss,
        norm,
        skipped_steps([logged]).get(consumed.step),
    )


def _weights_digest(loop: Loop, job: PretrainJob) -> str:
    folder = Path(job.work) / "model"
    take_value_head(loop.model)
    write_model(loop.model, Path(job.tokenizer), folder)
    return sha256_file(folder / WEIGHTS)
