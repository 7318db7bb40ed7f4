"""A training that dies before a step, as one does whose process is killed."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.job import Progress
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.pretrain import pretrain


def stop_before(job: PretrainJob, step: int, patch: pytest.MonkeyPatch) -> None:
    """Train until the process dies before a step."""
    take = Loop.step

    def fail(loop: Loop) -> None:
        if loop.state.step == step - 1:
            raise RuntimeError("killed")
        take(loop)

    with patch.context() as during:
        during.setattr(Loop, "step", fail)
        with pytest.raises(RuntimeError):
            pretrain(job, Progress(Path(job.work)))
