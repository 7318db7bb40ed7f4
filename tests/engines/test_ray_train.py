"""What is said of a job whose workers ended; a real cluster is in `test_launched`."""

from pathlib import Path

import pytest

from alignment_dagster.engines import jobs, launch, ray_train
from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.foundation.launchers import Ray


class Failed(Exception):
    """As Ray Train's."""

    def __init__(self, **failures: Exception) -> None:
        super().__init__("Training failed due to worker errors:\nmany lines")
        self.worker_failures = {int(name[-1]): one for name, one in failures.items()}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            Failed(rank1=RuntimeError("The actor died\nbecause")),
            "rank 1 ended: The actor died; the next run goes on from the checkpoint, "
            "where there is one",
        ),
        (Failed(rank0=RuntimeError("exit code 1"), rank1=ArtifactError("a:1: b")), "a:1: b"),
        (
            OSError("lost\nhead"),
            "the cluster ended: lost; the next run goes on from the checkpoint, where there is one",
        ),
    ],
)
def test_the_end_of_a_job_is_one_line(tmp_path: Path, error: Exception, said: str) -> None:
    assert ray_train.describe_end(error, tmp_path) == said
    (tmp_path / "error.txt").write_text("the job's own")
    assert ray_train.describe_end(error, tmp_path) == "the job's own"


def test_a_worker_that_does_not_see_the_folder_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "SIGHT_SECONDS", 0.1)
    with pytest.raises(AlignmentError, match="does not see"):
        ray_train.run_worker({"work": str(tmp_path), "token": "none", "module": "no.module"})


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", r"^launcher ray: RAY_ADDRESS names no cluster$"),
        (
            "127.0.0.1:1",
            r"^RAY_ADDRESS: the cluster '127\.0\.0\.1:1' cannot be reached: .*refused$",
        ),
        ("ray://127.0.0.1:99999", r"cannot be reached"),
    ],
)
def test_a_cluster_that_is_not_there_is_one_message_at_once(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(AlignmentError, match=said):
        jobs.require_launcher(Ray(kind="ray"))
