"""A trunk is trained once; its own model and the branches go on from its states, bit for bit."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.consumption import Trunk, consumption_problem
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.study import Model
from alignment_dagster.study.objectives import Objective, RewardWeighted
from alignment_dagster.training.jobs import PretrainJob, TrunkSteps
from alignment_dagster.training.model_folder import read_model
from alignment_dagster.training.pretraining import checkpoint
from alignment_dagster.training.pretraining.pretrain import pretrain, start_loop
from alignment_dagster.training.pretraining.replay import replay
from tests.support.killed_training import stop_before
from tests.support.training_jobs import ADVANTAGE_WEIGHTED, LENGTH, Jobs, treat

EARLY, LATE = 5, 9
"""Of 16 steps."""
LEDGER = file_names.CONSUMPTION
MODEL = "model/model.safetensors"


def run(job: PretrainJob) -> Path:
    pretrain(job, Progress(Path(job.work)))
    return Path(job.output)


def ledger(folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(folder / LEDGER).to_pylist()
    return rows


def trunk_job(jobs: Jobs, name: str = "trunk") -> PretrainJob:
    return jobs.pretraining(name).model_copy(update={"branch_steps": (EARLY, LATE)})


def on_from(job: PretrainJob, trunk: Path, steps: int, *, same_mix: bool) -> PretrainJob:
    """The job as one that goes on from a trunk's state."""
    named = TrunkSteps(recipe="plain", steps=steps, same_mix=same_mix)
    state = str(checkpoint.state_folder(trunk, steps))
    return job.model_copy(update={"trunk": named, "state": state})


def branch_mix(jobs: Jobs, steps: int) -> Path:
    """Other sequences, for the steps that are left of 16."""
    whole = np.load(jobs.mix / file_names.SEQUENCES)
    folder = jobs.folder / f"branch-{steps}"
    folder.mkdir(exist_ok=True)
    draw = np.random.default_rng(steps)
    tokens = draw.integers(0, 300, (len(whole) - 4 * steps, LENGTH)).astype(whole.dtype)
    np.save(folder / file_names.SEQUENCES, tokens)
    return folder


def branch_job(jobs: Jobs, trunk: Path, steps: int, name: str = "branch") -> PretrainJob:
    job = jobs.pretraining(name).model_copy(update={"mix": str(branch_mix(jobs, steps))})
    return on_from(job, trunk, steps, same_mix=False)


@pytest.fixture
def trunk(jobs: Jobs) -> Path:
    return run(trunk_job(jobs))


def test_a_trunk_ends_after_its_last_branch_with_a_state_for_each(jobs: Jobs, trunk: Path) -> None:
    assert [row["step"] for row in ledger(trunk)] == list(range(1, LATE + 1))
    assert checkpoint.saved_steps(trunk) == [EARLY, LATE]
    assert not (trunk / "model").exists()
    assert consumption_problem(trunk / LEDGER, jobs.mix, whole=False) is None
    assert consumption_problem(trunk / LEDGER, jobs.mix) is not None


def test_the_trunk_recipe_s_own_model_is_what_training_without_a_trunk_gives(
    jobs: Jobs, trunk: Path, pretrained: PretrainJob
) -> None:
    own = run(on_from(jobs.pretraining("own"), trunk, LATE, same_mix=True))
    plain = Path(pretrained.output)
    for name in Manifest.of(plain).files:
        if name.startswith("model/"):
            assert Manifest.of(own).files[name] == Manifest.of(plain).files[name], name
    assert ledger(trunk) + ledger(own) == ledger(plain)
    logs = [pq.read_table(one / file_names.TRAINING_LOG) for one in (trunk, own, plain)]
    assert logs[0].to_pylist() + logs[1].to_pylist() == logs[2].to_pylist()
    before = Trunk(trunk / LEDGER, LATE, same_mix=True)
    assert consumption_problem(own / LEDGER, jobs.mix, before) is None


@pytest.mark.parametrize("steps", [EARLY, LATE])
def test_a_branch_goes_on_in_steps_tokens_chain_and_schedule(
    jobs: Jobs, trunk: Path, pretrained: PretrainJob, steps: int
) -> None:
    job = branch_job(jobs, trunk, steps)
    branch = run(job)
    own, before = ledger(branch), ledger(trunk)[steps - 1]
    assert [row["step"] for row in own] == list(range(steps + 1, 17))
    named = Trunk(trunk / LEDGER, steps, same_mix=False)
    assert consumption_problem(branch / LEDGER, Path(job.mix), named) is None
    assert own[0]["tokens"] == before["tokens"] + 4 * LENGTH  # type: ignore[operator]
    assert own[-1]["tokens"] == ledger(Path(pretrained.output))[-1]["tokens"]
    rates = [
        pq.read_table(folder / file_names.TRAINING_LOG)["learning_rate"].to_pylist()
        for folder in (branch, Path(pretrained.output))
    ]
    assert rates[0] == rates[1][steps:]
    model = Manifest.of(branch).files[MODEL]
    assert model != Manifest.of(Path(pretrained.output)).files[MODEL]


def longer(job: PretrainJob) -> PretrainJob:
    """The same tokens, but for an odd sequence, in half as many sequences and in as many steps."""
    tokens = np.load(Path(job.mix) / file_names.SEQUENCES)
    folder = Path(job.mix).with_name("longer")
    folder.mkdir(exist_ok=True)
    np.save(folder / file_names.SEQUENCES, tokens[: len(tokens) // 2 * 2].reshape(-1, 2 * LENGTH))
    batches = job.pretraining.model_copy(update={"batch_size": job.pretraining.batch_size // 2})
    stage = {"mix": str(folder), "sequence_length": 2 * LENGTH, "pretraining": batches}
    return job.model_copy(update=stage)


def test_a_branch_of_longer_sequences_goes_on_and_resumes_in_the_same_bytes(
    jobs: Jobs, trunk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(branch_job(jobs, trunk, EARLY, "plain"))
    job = longer(branch_job(jobs, trunk, EARLY))
    branch = run(job)
    named = Trunk(trunk / LEDGER, EARLY, same_mix=False)
    assert consumption_problem(branch / LEDGER, Path(job.mix), named) is None
    own, other = ledger(branch), ledger(plain)
    assert [row["tokens"] for row in own] == [row["tokens"] for row in other[:-1]]
    assert {len(row["sequences"]) for row in own} == {2}  # type: ignore[arg-type]
    assert read_model(branch / "model").config.max_position_embeddings == 2 * LENGTH
    killed = longer(branch_job(jobs, trunk, EARLY, "killed"))
    stop_before(killed, EARLY + 4, monkeypatch)
    assert Manifest.of(run(killed)).files == Manifest.of(branch).files


def test_where_positions_are_weights_another_length_is_refused(jobs: Jobs) -> None:
    learned = Model(layers=1, width=16, heads=2, mlp_width=32, architecture="gpt2")
    trunk = run(trunk_job(jobs).model_copy(update={"model": learned}))
    job = branch_job(jobs, trunk, EARLY).model_copy(update={"model": learned})
    with pytest.raises(ArtifactError, match="positions are weights"):
        start_loop(longer(job))
    assert run(job).exists()


REWARDED = RewardWeighted(kind="reward_weighted", reward=ADVANTAGE_WEIGHTED.reward, beta=2.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [(ADVANTAGE_WEIGHTED, REWARDED), (None, ADVANTAGE_WEIGHTED)],
)
def test_objective_and_treatments_go_on_and_the_chain_covers_what_is_said(
    jobs: Jobs, before: Objective | None, after: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    treated = replace(jobs, mix=jobs.folder / "treated")
    shutil.copytree(jobs.mix, treated.mix)
    treat(treated.mix)
    plain = Path(run(treated.pretraining("plain", before)))
    late = {"branch_steps": (LATE,)}
    trunk = run(treated.pretraining("trunk", before).model_copy(update=late))
    own = run(on_from(treated.pretraining("own", before), trunk, LATE, same_mix=True))
    assert Manifest.of(own).files[MODEL] == Manifest.of(plain).files[MODEL]
    assert ledger(trunk) + ledger(own) == ledger(plain)
    other = branch_mix(jobs, LATE)
    treat(other)
    named = Trunk(trunk / LEDGER, LATE, same_mix=False)
    job = treated.pretraining("branch", after).model_copy(update={"mix": str(other)})
    branch = run(on_from(job, trunk, LATE, same_mix=False))
    assert consumption_problem(branch / LEDGER, other, named) is None
    again = on_from(treated.pretraining("again", after), trunk, LATE, same_mix=False)
    again = again.model_copy(update={"mix": str(other)})
    stop_before(again, 14, monkeypatch)
    assert Manifest.of(run(again)).files == Manifest.of(branch).files
    (other / file_names.WEIGHTS).unlink()
    assert consumption_problem(branch / LEDGER, other, named) is not None


def test_a_stage_with_a_schedule_of_its_own_begins_and_ends_with_its_steps(
    jobs: Jobs, trunk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is killed, and where its steps are replayed."""
    settings = {"schedule": "linear", "learning_rate": 5e-3, "warmup_share": 0.5, "final_rate": 0.0}
    jobs_of_it = []
    for name in ("whole", "killed"):
        job = jobs.pretraining(name, **settings, keep_every=4)
        job = job.model_copy(update={"mix": str(branch_mix(jobs, LATE))})
        on = on_from(job, trunk, LATE, same_mix=False)
        named = TrunkSteps(recipe="plain", steps=LATE, same_mix=False, own_schedule=True)
        jobs_of_it.append(on.model_copy(update={"trunk": named}))
    whole, killed = jobs_of_it
    files = Manifest.of(run(whole)).files
    log = pq.read_table(Path(whole.output) / file_names.TRAINING_LOG)
    assert log["step"].to_pylist() == list(range(LATE + 1, 17))
    expected = [5e-3 * share for share in (1 / 4, 2 / 4, 3 / 4, 1, 2 / 3, 1 / 3, 0)]
    assert log["learning_rate"].to_pylist() == pytest.approx(expected)
    stop_before(killed, 15, monkeypatch)
    assert Manifest.of(run(killed)).files == files
    again = whole.model_copy(update={"work": str(jobs.folder / "replayed")})
    found = replay(again, LATE + 1, 16, Path(whole.output), lambda _done, _of: None)
    assert found.weights == files[MODEL]


@pytest.mark.parametrize(
    ("before", "after"), [(None, ADVANTAGE_WEIGHTED), (ADVANTAGE_WEIGHTED, None)]
)
def test_a_value_head_begins_anew_or_is_left_and_the_decoder_keeps_its_optimizer_state(
    jobs: Jobs, before: Objective | None, after: Objective | None
) -> None:
    treated = replace(jobs, mix=jobs.folder / "treated")
    shutil.copytree(jobs.mix, treated.mix)
    treat(treated.mix)
    late = {"branch_steps": (LATE,)}
    trunk = run(treated.pretraining("trunk", before).model_copy(update=late))
    same, other = (
        start_loop(on_from(treated.pretraining("a", one), trunk, LATE, same_mix=True)).state
        for one in (before, after)
    )
    found = [dict(one.model.named_parameters()) for one in (same, other)]
    decoder = [name for name in found[0] if name in found[1]]
    assert len(decoder) == min(map(len, found))
    for name in decoder:
        moments = [
            state.optimizer.state[all_[name]]
            for state, all_ in zip((same, other), found, strict=True)
        ]
        assert moments[0].keys() == moments[1].keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(moments[0][key], moments[1][key]) for key in moments[0]), name
        assert torch.equal(found[0][name], found[1][name]), name


@pytest.mark.parametrize(
    ("steps", "same_mix", "said"),
    [
        (EARLY, False, "departs from the mix at step 10"),
        (LATE, True, "read sequence [0-9]+; the mix has 25"),
        (LATE + 1, False, "the trunk has no step 10"),
    ],
)
def test_another_trunk_than_that_which_was_gone_on_from_is_found(
    jobs: Jobs, trunk: Path, steps: int, same_mix: bool, said: str
) -> None:
    job = branch_job(jobs, trunk, LATE)
    branch = run(job)
    problem = consumption_problem(
        branch / LEDGER, Path(job.mix), Trunk(trunk / LEDGER, steps, same_mix)
    )
    assert problem is not None
    assert re.search(said, problem)


@pytest.mark.parametrize(
    ("branches", "resumed"), [((EARLY, LATE, 12), LATE), ((LATE, 12), LATE), ((3, LATE), 0)]
)
def test_a_trunk_for_other_branches_takes_no_step_again_that_it_need_not(
    jobs: Jobs, trunk: Path, branches: tuple[int, ...], resumed: int
) -> None:
    other = {"branch_steps": branches}
    anew = run(jobs.pretraining("anew").model_copy(update=other))
    job = jobs.pretraining("longer").model_copy(update={**other, "earlier": (str(trunk),)})
    assert Manifest.of(run(job)).files == Manifest.of(anew).files
    found = json.loads(Path(job.work, "result.json").read_text())
    assert found["resumed_after_step"] == resumed


def test_states_of_another_training_are_not_taken_over(jobs: Jobs, trunk: Path) -> None:
    other = {"branch_steps": (LATE,), "seed": 5}
    anew = run(jobs.pretraining("anew").model_copy(update=other))
    job = jobs.pretraining("other").model_copy(update={**other, "earlier": (str(trunk),)})
    assert Manifest.of(run(job)).files == Manifest.of(anew).files


@pytest.mark.parametrize("killed_before", [3, EARLY, EARLY + 1, LATE])
def test_a_killed_trunk_ends_in_the_same_bytes(
    jobs: Jobs, trunk: Path, killed_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = trunk_job(jobs, "killed")
    stop_before(job, killed_before, monkeypatch)
    assert Manifest.of(run(job)).files == Manifest.of(trunk).files


@pytest.mark.parametrize("killed_before", [EARLY + 1, EARLY + 2, 10, 16])
def test_a_killed_branch_ends_in_the_same_bytes(
    jobs: Jobs, trunk: Path, killed_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(branch_job(jobs, trunk, EARLY, "whole"))
    job = branch_job(jobs, trunk, EARLY, "killed")
    stop_before(job, killed_before, monkeypatch)
    assert Manifest.of(run(job)).files == Manifest.of(whole).files
