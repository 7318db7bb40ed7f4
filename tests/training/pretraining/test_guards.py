"""A step whose loss is no number, or jumps, stops training or is left out, as declared."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.consumption import consumption_problem
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.steps.pretraining_job import is_falling, read_losses
from alignment_dagster.study.guards import Guard
from alignment_dagster.training.guards import guard_problem, window_begins
from alignment_dagster.training.jobs import PretrainJob, TrunkSteps
from alignment_dagster.training.pretraining import checkpoint
from alignment_dagster.training.pretraining.data import consumption_order, rows_of_step
from alignment_dagster.training.pretraining.pretrain import pretrain
from alignment_dagster.training.pretraining.replay import replay
from tests.support.killed_training import stop_before
from tests.support.training_jobs import LENGTH, Jobs

NUMBERLESS, JUMP, LATE = 6, 12, 9
"""Steps of 16; the trunk ends between them."""
SKIPPED = {NUMBERLESS: "not_finite", JUMP: "spike"}
GUARD = {"not_finite": "skip", "spike": "skip", "window": 8}
MODEL = "model/model.safetensors"


def spoil(jobs: Jobs, losses: Mapping[int, float]) -> Jobs:
    """A mix in whose steps the loss is multiplied by a number."""
    folder = jobs.folder / "spoilt"
    shutil.copytree(jobs.mix, folder)
    weights = np.ones((61, LENGTH), np.float32)
    for step, factor in losses.items():
        weights[rows_of_step(consumption_order(61, seed=1), step, 4)] = factor
    np.save(folder / file_names.WEIGHTS, weights)
    return replace(jobs, mix=folder)


@pytest.fixture
def spoilt(jobs: Jobs) -> Jobs:
    return spoil(jobs, {NUMBERLESS: np.inf, JUMP: 1e6})


def run(job: PretrainJob) -> Path:
    pretrain(job, Progress(Path(job.work)))
    return Path(job.output)


def log(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / file_names.TRAINING_LOG).to_pylist()
    return rows


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_skipped_step_is_read_and_recorded_and_changes_nothing(spoilt: Jobs, ranks: int) -> None:
    job = spoilt.pretraining("a", guard=GUARD, keep_every=1, ranks=ranks)
    folder = run(job)
    rows = log(folder)
    assert {row["step"]: row["skipped"] for row in rows if row["skipped"]} == SKIPPED
    assert [row["step"] for row in rows if row["loss"] is None] == [NUMBERLESS]
    assert consumption_problem(folder / file_names.CONSUMPTION, spoilt.mix) is None
    for step in SKIPPED:
        before, after, later = (
            load_file(checkpoint.state_folder(folder, one) / checkpoint.TENSORS)
            for one in (step - 1, step, step + 1)
        )
        assert all(np.array_equal(before[name], after[name]) for name in before)
        assert not all(np.array_equal(after[name], later[name]) for name in before)
    said = is_falling(folder, read_losses(folder), must_fall=True)
    assert said.passed
    assert said.summary.endswith("left out 2 steps: 6 (not_finite), 12 (spike).")


def test_killed_or_replayed_the_same_steps_are_skipped(
    spoilt: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window that a jump is told by is in the checkpoint."""
    whole = spoilt.pretraining("whole", guard=GUARD, keep_every=4)
    folder = run(whole)
    killed = spoilt.pretraining("killed", guard=GUARD, keep_every=4)
    stop_before(killed, JUMP, monkeypatch)
    assert Manifest.of(run(killed)).files == Manifest.of(folder).files
    again = whole.model_copy(update={"work": str(spoilt.folder / "replayed")})
    found = replay(again, JUMP - 1, 16, folder, lambda _done, _of: None)
    assert found.began_after == 8
    assert [one.skipped for one in found.taken[:3]] == [None, "spike", None]
    assert found.weights == Manifest.of(folder).files[MODEL]


def test_a_trunk_changes_nothing_of_what_is_skipped(spoilt: Jobs) -> None:
    plain = run(spoilt.pretraining("plain", guard=GUARD))
    late = {"branch_steps": (LATE,)}
    trunk = run(spoilt.pretraining("trunk", guard=GUARD).model_copy(update=late))
    before = TrunkSteps(recipe="plain", steps=LATE, same_mix=True)
    on = {"trunk": before, "state": str(checkpoint.state_folder(trunk, LATE))}
    own = run(spoilt.pretraining("own", guard=GUARD).model_copy(update=on))
    assert log(trunk) + log(own) == log(plain)
    assert Manifest.of(own).files[MODEL] == Manifest.of(plain).files[MODEL]
    guard = Guard.model_validate(GUARD)
    assert guard_problem(log(plain), [], guard) is None
    assert guard_problem(log(own), log(trunk), guard) is None
    hidden = [{**row, "skipped": None} if row["step"] == JUMP else row for row in log(plain)]
    found = guard_problem(hidden, [], guard)
    assert found == "step 12 is recorded as taken, and by its loss and gradient it is spike"


@pytest.mark.parametrize(
    ("losses", "guard", "said"),
    [
        ({6: np.inf}, {"spike": "skip"}, "step 6 of 16: the loss is inf"),
        ({6: np.nan}, {}, "step 6 of 16: the loss is nan"),
        ({12: 1e6}, {**GUARD, "spike": "stop"},
         "step 12 of 16: .* more than 6 standard deviations above the steps before"),
        ({6: np.inf, 7: np.inf, 9: 1e6}, {**GUARD, "most_skipped": 2},
         "step 9 of 16: .* 2 steps were skipped before it"),
    ],
)  # fmt: skip
def test_what_stops_names_the_step_and_leaves_no_model(
    jobs: Jobs, losses: Mapping[int, float], guard: dict[str, object], said: str
) -> None:
    job = spoil(jobs, losses).pretraining("a", guard=guard)
    with pytest.raises(AlignmentError, match=said):
        run(job)
    assert not Path(job.output).exists()


def test_a_last_step_that_breaks_the_weights_leaves_no_model(jobs: Jobs) -> None:
    """No loss after it would tell."""
    folder = jobs.folder / "short"
    folder.mkdir()
    np.save(folder / file_names.SEQUENCES, np.load(jobs.mix / file_names.SEQUENCES)[:4])
    job = replace(jobs, mix=folder).pretraining("a", learning_rate=1e39)
    with pytest.raises(AlignmentError, match=r"after step 1 \d+ weights are no numbers, as model"):
        run(job)
    assert not Path(job.output).exists()


def falling(weights: list[float]) -> list[dict[str, Any]]:
    """A log whose loss falls slowly, and stands at another level where another weight is read."""
    draw = np.random.default_rng(0)
    return [
        {
            "step": step,
            "loss": weight * (6 - step * 0.005 + draw.normal(0, 0.05)),
            "gradient_norm": weight * (1 + draw.normal(0, 0.05)),
        }
        for step, weight in enumerate(weights, 1)
    ]


def test_the_window_begins_anew_with_a_phase() -> None:
    """Between the phases lies a step that reads of both."""
    guard = Guard(spike="stop", window=16)
    begins = window_begins((0.5,), sequences=403, per_step=4)
    assert begins == (51, 52)
    assert window_begins((0.5,), 400, 4, before=10) == (61,)
    rows = falling([0.1] * 50 + [0.55] + [1.0] * 50)
    assert guard_problem(rows, [], guard, begins) is None
    assert guard_problem(rows[60:], rows[:60], guard, begins) is None
    assert "step 51 is recorded as taken" in str(guard_problem(rows, [], guard))
    rows[79]["loss"] *= 10
    assert "step 80 is recorded as taken" in str(guard_problem(rows, [], guard, begins))


def test_a_training_is_not_stopped_by_the_level_of_a_new_phase(jobs: Jobs) -> None:
    """The loss of the second one is a hundred times that of the first."""
    folder = jobs.folder / "phased"
    shutil.copytree(jobs.mix, folder)
    weights = np.ones((61, LENGTH), np.float32)
    weights[30:] = 100
    np.save(folder / file_names.WEIGHTS, weights)
    job = replace(jobs, mix=folder).pretraining("a", guard={"spike": "stop", "window": 8})
    assert len(log(run(job.model_copy(update={"phases": (0.5,)})))) == 16
