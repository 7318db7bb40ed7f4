"""A training that a launcher starts: where it ends early, the next try goes on from its state."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from alignment_dagster.engines import jobs as engine
from alignment_dagster.engines import launch
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.foundation.job_process import Command
from alignment_dagster.foundation.launchers import Ray, Slurm
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.job_processes import LONGEST, Forked, step_saved, write_config
from tests.support.ranks import LONG, RANK_PROCESSES, files, shared, started
from tests.support.ray_cluster import two_workers
from tests.support.slurm import one_node
from tests.support.training_jobs import Jobs

pytestmark = pytest.mark.slow
SLURM, RAY = Slurm(kind="slurm"), Ray(kind="ray")


RANK_JOB = """
import os, time
from pathlib import Path

def run_rank(config, rank, accelerator):
    assert os.environ["EXAMPLE"] == "told"
    Path(config).with_name(f"{rank}.pid").write_text(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "rank_job.py").write_text(RANK_JOB)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{folder}:{Path.cwd()}")
        with two_workers() as cluster:
            yield cluster


@pytest.fixture
def cluster(workers: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("RAY_ADDRESS", workers.address)
    monkeypatch.setattr(launch, "BEAT_SECONDS", 0.5)
    return workers


def asked(job: PretrainJob, ranks: int = 2) -> Command:
    return Command(RANK_PROCESSES, write_config(job, job.work), Path(job.work), {}, ranks)


def require_that_the_next_goes_on(job: PretrainJob, whole: PretrainJob) -> None:
    """As processes of this machine: where a job runs is no input."""
    assert step_saved(job.work)
    assert not Path(job.output).exists()
    pretrain(whole, Progress(Path(whole.work)))
    with started(job, Forked) as process:
        assert process.wait(LONGEST) == 0
    assert "resumed after step" in Path(job.work, "progress.jsonl").read_text()
    assert files(job) == files(whole)


def test_ranks_that_slurm_ended_go_on_to_the_same_bytes(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where they are preempted, and have no time to write a checkpoint."""
    whole, ended = (shared(jobs, name, sequences=LONG) for name in ("whole", "ended"))

    def preempt() -> None:
        if step_saved(ended.work):
            words = ["scancel", "--full", "--signal=KILL", "--state=RUNNING"]
            subprocess.run(words, check=False)

    (tmp_path / "slurm").mkdir()
    with one_node(tmp_path / "slurm") as configuration:
        monkeypatch.setenv("SLURM_CONF", str(configuration))
        monkeypatch.setattr(launch, "BEAT_SECONDS", 0.5)
        with pytest.raises(AlignmentError, match="ended with Slurm's state"):
            engine.run(asked(ended), SLURM, [], preempt, print)
    require_that_the_next_goes_on(ended, whole)


def light(folder: Path, ranks: int = 2) -> Command:
    """A job of ranks that trains nothing."""
    work = folder / "work"
    work.mkdir()
    return Command("rank_job", work / "config", work, {"EXAMPLE": "told"}, ranks)


@pytest.mark.usefixtures("cluster")
def test_a_job_that_is_stopped_leaves_nothing_on_the_cluster(tmp_path: Path) -> None:
    given = light(tmp_path)

    def pids() -> list[int]:
        said = (path.read_text() for path in given.work.glob("*.pid"))
        return [int(pid) for pid in said if pid]

    def stop() -> None:
        if len(pids()) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run(given, RAY, [], stop, print)
    deadline = time.monotonic() + 15
    while any(map(psutil.pid_exists, pids())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in pids() if psutil.pid_exists(pid)]
    assert not (given.work / "ray").exists()


@pytest.mark.usefixtures("cluster")
def test_more_ranks_than_the_cluster_has_room_for_are_one_message(tmp_path: Path) -> None:
    said = r"^launcher ray: the cluster has 2 CPUs and the job needs 5 \(1 for each of 5 ranks\)$"
    with pytest.raises(AlignmentError, match=said):
        engine.run(light(tmp_path, ranks=5), RAY, [], lambda: None, print)


def test_ranks_on_a_cluster_that_loses_one_go_on_to_the_same_bytes(
    jobs: Jobs, cluster: Any
) -> None:
    whole, ended = (shared(jobs, name, sequences=LONG) for name in ("whole", "ended"))
    nodes = cluster.list_all_nodes()[1:]

    def lose() -> None:
        if step_saved(ended.work) and nodes:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
            nodes.clear()

    with pytest.raises(AlignmentError, match=r"^rank \d ended: .*; the next run goes on"):
        engine.run(asked(ended), RAY, [], lose, print)
    require_that_the_next_goes_on(ended, whole)
