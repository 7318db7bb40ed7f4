"""A training that a launcher starts: where it ends early, the next try goes on from its state."""

import subprocess
from pathlib import Path

import pytest

from alignment_dagster.engines import jobs as engine
from alignment_dagster.engines import launch
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.foundation.job_process import Command
from alignment_dagster.foundation.launchers import Slurm
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.job_processes import step_saved, write_config
from tests.support.slurm import one_node
from tests.support.training_jobs import Jobs
from tests.training.pretraining.test_ranks import LONG, MODULE, shared

pytestmark = pytest.mark.slow
SLURM = Slurm(kind="slurm")


def files(job: PretrainJob) -> dict[str, str]:
    return dict(Manifest.of(Path(job.output)).files)


def test_ranks_that_slurm_ended_go_on_to_the_same_bytes(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where they are preempted, and have no time to write a checkpoint."""
    whole, ended = (shared(jobs, name, sequences=LONG) for name in ("whole", "ended"))
    pretrain(whole, Progress(Path(whole.work)))
    asked = Command(MODULE, write_config(ended, ended.work), Path(ended.work), {})

    def preempt() -> None:
        if step_saved(ended.work):
            words = ["scancel", "--full", "--signal=KILL", "--state=RUNNING"]
            subprocess.run(words, check=False)

    (tmp_path / "slurm").mkdir()
    with one_node(tmp_path / "slurm") as configuration:
        monkeypatch.setenv("SLURM_CONF", str(configuration))
        monkeypatch.setattr(launch, "BEAT_SECONDS", 0.5)
        with pytest.raises(AlignmentError, match="ended with Slurm's state"):
            engine.run(asked, SLURM, [], preempt, print)
        assert step_saved(ended.work)
        assert not Path(ended.output).exists()
        engine.run(asked, SLURM, [], lambda: None, print)
    assert "resumed after step" in Path(ended.work, "progress.jsonl").read_text()
    assert files(ended) == files(whole)
