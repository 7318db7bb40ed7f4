"""States that are kept: the same bytes however often training was stopped in between."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.pretraining import checkpoint
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.killed_training import stop_before
from tests.support.training_jobs import Jobs

KEPT = ["00000004", "00000008", "00000012"]


def run(job: PretrainJob) -> dict[str, str]:
    """The output's files, by digest."""
    pretrain(job, Progress(Path(job.work)))
    return Manifest.of(Path(job.output)).files


def said(job: PretrainJob) -> str:
    return Path(job.work, "progress.jsonl").read_text()


@pytest.fixture
def whole(jobs: Jobs) -> dict[str, str]:
    return run(jobs.pretraining("whole", keep_every=4))


def test_states_lie_in_the_artifact_and_not_after_the_last_step(
    whole: dict[str, str], pretrained: PretrainJob
) -> None:
    states = {name.split("/")[1] for name in whole if name.startswith("states/")}
    assert sorted(states) == KEPT
    rest = {name: digest for name, digest in whole.items() if not name.startswith("states/")}
    assert rest == Manifest.of(Path(pretrained.output)).files


@pytest.mark.parametrize("step", [4, 5, 6, 8, 9, 13, 16])
def test_a_killed_run_ends_in_the_same_bytes(
    jobs: Jobs, whole: dict[str, str], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.pretraining("killed", keep_every=4)
    stop_before(job, step, monkeypatch)
    assert run(job) == whole
    assert "resumed after step" in said(job)
    assert not (Path(job.work) / file_names.STATES).exists()


def test_a_run_killed_while_it_wrote_its_output_ends_in_the_same_bytes(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"keep_every": 4, "checkpoint_every": 8}
    whole = run(jobs.pretraining("plain", **settings))
    job = jobs.pretraining("killed", **settings)
    with monkeypatch.context() as during:
        during.setattr("alignment_dagster.training.pretraining.pretrain._write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(job)
    assert run(job) == whole
    assert "resumed after step 16" in said(job)


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_checkpoint_without_its_kept_states_is_said_and_not_used(
    jobs: Jobs, whole: dict[str, str], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.pretraining("killed", keep_every=4)
    stop_before(job, 11, monkeypatch)
    state = checkpoint.state_folder(Path(job.work), 4) / checkpoint.TENSORS
    if damage == "altered":
        content = bytearray(state.read_bytes())
        content[-1] ^= 1
        state.write_bytes(content)
    else:
        state.unlink()
    assert run(job) == whole
    assert "is not resumed from: the state kept after step 4" in said(job)


def test_states_of_another_configuration_are_not_taken_over(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = jobs.pretraining("killed", keep_every=2)
    stop_before(first, 7, monkeypatch)
    other = jobs.pretraining("killed", keep_every=5)
    expected = run(jobs.pretraining("plain", keep_every=5))
    assert run(other) == expected
