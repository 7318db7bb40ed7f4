"""Treated tokens in training: what is learned of them, and that the record covers how."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from alignment_dagster.evaluation.model.control_tokens import (
    BeamSearch,
    beam_search,
    prompt_ids,
    unwritten_ids,
)
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage.consumption import consumption_problem
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.study.decoding import TagAvoiding
from alignment_dagster.study.objectives import (
    Conditional,
    Objective,
    RewardWeighted,
    Unlikelihood,
)
from alignment_dagster.study.treatments import Treated
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.objectives.targets import IGNORED
from alignment_dagster.training.pretraining.data import PackedMix
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.pretrain import pretrain
from alignment_dagster.training.pretraining.replay import replay
from tests.support.training_jobs import ADVANTAGE_WEIGHTED, Jobs, treat

OBJECTIVES: tuple[Objective | None, ...] = (
    None,
    Unlikelihood(kind="unlikelihood", alpha=0.5),
    RewardWeighted(kind="reward_weighted", reward=ADVANTAGE_WEIGHTED.reward, beta=2.0),
    ADVANTAGE_WEIGHTED,
)


@pytest.fixture
def treated(jobs: Jobs) -> Jobs:
    """The tiny mix, with everything that can be said of its tokens."""
    folder = jobs.folder / "treated"
    shutil.copytree(jobs.mix, folder)
    treat(folder)
    return replace(jobs, mix=folder)


def run(job: PretrainJob) -> dict[str, str]:
    pretrain(job, Progress(Path(job.work)))
    return Manifest.of(Path(job.output)).files


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda one: one.kind if one else "likelihood")
def test_a_killed_run_and_a_replay_give_the_bytes_of_a_whole_one(
    treated: Jobs, objective: Objective | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = treated.pretraining("whole", objective, keep_every=4, checkpoint_every=3)
    files = run(whole)
    killed = treated.pretraining("killed", objective, keep_every=4, checkpoint_every=3)
    take = Loop.step

    def fail(loop: Loop) -> None:
        if loop.state.step == 10:
            raise RuntimeError("killed")
        take(loop)

    with monkeypatch.context() as during:
        during.setattr(Loop, "step", fail)
        with pytest.raises(RuntimeError):
            pretrain(killed, Progress(Path(killed.work)))
    assert run(killed) == files
    measured = json.loads(Path(killed.work, "result.json").read_text())
    assert measured["resumed_after_step"] == 9
    again = whole.model_copy(update={"work": str(treated.folder / "replayed")})
    found = replay(again, 7, 16, Path(whole.output), lambda _done, _of: None)
    assert found.began_after == 4
    assert found.weights == files["model/model.safetensors"]
    assert found.states == {
        step: files[f"states/{step:08d}/tensors.safetensors"] for step in (8, 12)
    }
    assert consumption_problem(Path(whole.output, "consumption.parquet"), treated.mix) is None


def test_each_objective_ends_in_other_weights_and_a_model_that_opens(treated: Jobs) -> None:
    weights = set()
    for number, objective in enumerate(OBJECTIVES):
        job = treated.pretraining(f"{number}", objective)
        weights.add(run(job)["model/model.safetensors"])
        folder = Path(job.output, "model")
        _, found = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
        assert not found["unexpected_keys"]
    assert len(weights) == len(OBJECTIVES)


@pytest.mark.parametrize("name", ["treatments.npy", "weights.npy", "rewards.npy"])
def test_the_chain_covers_what_is_said_of_every_token(treated: Jobs, name: str) -> None:
    job = treated.pretraining("a", OBJECTIVES[2])
    pretrain(job, Progress(Path(job.work)))
    values = np.load(treated.mix / name)
    values[-1, -1] += 1
    np.save(treated.mix / name, values)
    found = consumption_problem(Path(job.output, "consumption.parquet"), treated.mix)
    assert found is not None
    assert "departs from the mix at step" in found


def test_what_does_not_fit_the_sequences_is_refused(treated: Jobs) -> None:
    np.save(treated.mix / "treatments.npy", np.zeros((61, 31), np.uint8))
    job = treated.pretraining("a")
    with pytest.raises(ArtifactError, match=r"treatments\.npy: does not fit sequences\.npy"):
        pretrain(job, Progress(Path(job.work)))


def test_a_masked_or_hidden_token_is_not_predicted_and_any_other_is() -> None:
    tokens = np.array([[5, 6, 7, 8, 9]], np.uint16)
    codes = np.array(
        [[Treated.MASKED, Treated.TAG, Treated.MASKED, Treated.HIDDEN, Treated.UNLEARNED]], np.uint8
    )
    batch = PackedMix(tokens, {"treatments.npy": codes}).batch(np.array([0]))
    assert batch.tokens.tolist() == [[5, 6, 7, 8, 9]]
    assert batch.targets.tokens.tolist() == [[6, IGNORED, IGNORED, 9, IGNORED]]
    assert batch.targets.unlearned is not None
    assert batch.targets.unlearned.tolist() == [[False, False, False, True, False]]
    assert batch.predicted == 2


def test_the_phases_of_a_mix_are_read_one_after_the_other(treated: Jobs) -> None:
    """Each in the order of the seed, and every sequence once; so a treatment has its time."""
    plain, phased = (
        treated.pretraining(f"{number}").model_copy(update={"phases": phases})
        for number, phases in enumerate(((), (0.25, 0.5)))
    )
    orders = []
    for job in (plain, phased):
        run(job)
        read = pq.read_table(Path(job.output, "consumption.parquet"))["sequences"]
        orders.append([one for step in read.to_pylist() for one in step])
    assert sorted(orders[1]) == sorted(orders[0]) == list(range(61))
    assert sorted(orders[1][:15]) == list(range(15))
    assert sorted(orders[1][15:30]) == list(range(15, 30))
    assert orders[1][:15] != list(range(15))
    ledgers = [Path(job.output, "consumption.parquet") for job in (plain, phased)]
    assert consumption_problem(ledgers[1], treated.mix, phases=(0.25, 0.5)) is None
    found = consumption_problem(ledgers[0], treated.mix, phases=(0.25, 0.5))
    assert found == "step 1 reads a phase that was over"
    assert orders[0] == np.random.Generator(np.random.PCG64(1)).permutation(61).tolist()


def test_a_masked_token_is_read(treated: Jobs) -> None:
    """No loss is on it, and what follows it depends on it."""
    losses = []
    for token in (5, 6):
        tokens = np.full((4, 32), 9, np.uint16)
        tokens[:, 8] = token
        codes = np.zeros((4, 32), np.uint8)
        codes[:, 8] = Treated.MASKED
        folder = treated.folder / f"mix-{token}"
        folder.mkdir()
        np.save(folder / "sequences.npy", tokens)
        np.save(folder / "treatments.npy", codes)
        job = treated.pretraining(f"{token}").model_copy(update={"mix": str(folder)})
        pretrain(job, Progress(Path(job.work)))
        losses.append(Path(job.output, "model", "model.safetensors").read_bytes())
    assert losses[0] != losses[1]


def test_a_conditional_model_says_itself_how_it_is_asked(treated: Jobs) -> None:
    """And what it avoids, by its own ids; what treatments put in it does not write."""
    folder = treated.folder / "tokenizer"
    tokenizer = AutoTokenizer.from_pretrained(treated.tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|bad|>", "<|good|>"]})
    tokenizer.save_pretrained(folder)
    asked = replace(treated, tokenizer=folder)
    conditional = Conditional(kind="conditional", prompt="<|good|>")
    decoding = TagAvoiding(kind="tag_avoiding", tag="<|bad|>", beams=4)
    job = asked.pretraining("a", conditional).model_copy(update={"decoding": decoding})
    pretrain(job, Progress(Path(job.work)))
    model = AutoModelForCausalLM.from_pretrained(Path(job.output, "model"))
    bad, good = tokenizer.convert_tokens_to_ids(["<|bad|>", "<|good|>"])
    assert prompt_ids(model) == (good,)
    assert beam_search(model) == BeamSearch(4, bad)
    assert set(unwritten_ids(model)) == {bad, good}
    written = model.generate(torch.tensor([[good, 5]]), max_new_tokens=8, do_sample=False)
    assert not {bad, good} & set(written[0, 1:].tolist())
