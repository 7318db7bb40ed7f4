"""`alignment doctor` says of each part of this machine whether it works, and leaves nothing."""

from pathlib import Path

import pytest
import torch

from alignment_dagster.foundation.home import HOME_VARIABLE, MLFLOW_VARIABLE, Home
from alignment_dagster.preflight.machine import Finding, Verdict, examine_machine
from alignment_dagster.preflight.machine.resources import NETWORK, file_system
from drills import warm


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return Home.from_environment()


def by_subject(home: Home, device: str = "") -> dict[str, Finding]:
    return {one.subject: one for one in examine_machine(home, device)}


def test_a_machine_that_works_is_said_to_and_nothing_is_left(home: Home, tmp_path: Path) -> None:
    found = by_subject(home)
    assert {one.verdict for one in found.values()} <= {Verdict.OK, Verdict.NOTE}
    assert {"Python", "cores", "memory", "disk", "file system", "PyTorch", "placement"} <= set(
        found
    )
    assert found["file system"].words.endswith("SQLite's locks hold")
    assert torch.__version__ in found["PyTorch"].words
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_what_is_configured_and_does_not_work_is_broken_and_says_why(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MLFLOW_VARIABLE, "postgresql://me:hidden@127.0.0.1:1/mlflow")
    monkeypatch.setenv("ALIGNMENT_ENGINE", "slurm")
    found = by_subject(home, "cuda")
    broken = {name: one.words for name, one in found.items() if one.verdict is Verdict.BROKEN}
    assert set(broken) == {"placement", "MLflow", "engine"}
    assert broken["placement"].startswith("device cuda: ")
    assert "127.0.0.1:1 cannot be reached" in broken["MLflow"]
    assert "hidden" not in broken["MLflow"]
    assert "unknown engine 'slurm'" in broken["engine"]
    done = warm.alignment("doctor", environment={})
    assert done.returncode == 1
    assert "Does not work: MLflow, engine." in done.stdout


def test_a_wrong_placement_is_named_with_file_and_line(home: Home) -> None:
    home.root.mkdir()
    (home.root / "placement.yaml").write_text("device: auto\ndeterminism: often\n")
    said = by_subject(home)["placement"]
    assert said.verdict is Verdict.BROKEN
    assert "placement.yaml:2: determinism" in said.words


def test_a_home_that_cannot_be_written_to_is_broken(home: Home) -> None:
    home.root.write_text("a file")
    assert by_subject(home)["file system"].verdict is Verdict.OK
    assert file_system(Path("/proc")) == "proc"


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/vda rw\n"
        "2 1 0:9 / /home rw shared:1 - nfs4 server:/home rw\n"
        "3 2 0:8 / /home/a\\040b rw - ext4 /dev/vdb rw\n"
    )
    assert file_system(Path("/srv"), mounts) == "ext4"
    assert file_system(Path("/home/x"), mounts) in NETWORK
    assert file_system(Path("/home/a b/c"), mounts) == "ext4"
    assert file_system(Path("/"), tmp_path / "absent") is None
