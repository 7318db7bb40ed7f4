"""GRPO: rewarded answers become likelier, every one is written down, and all can be repeated."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForCausalLM

from alignment_dagster.audit.check.rollouts import read_rollouts
from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.study import AnswerReward, GroupPolicyOptimisation
from alignment_dagster.training.jobs import PostTrainJob, PretrainJob
from alignment_dagster.training.model_folder import read_tokenizer
from alignment_dagster.training.post_training import post_train as module
from alignment_dagster.training.post_training.chat_data import ChatEncoder
from alignment_dagster.training.post_training.post_train import post_train
from tests.support.training_jobs import Jobs, conversations, message

STEPS = 24
LONG = AnswerReward(scorer="text_stats", column="characters")


def job(jobs: Jobs, pretrained: PretrainJob, name: str, **changes: object) -> PostTrainJob:
    """Three steps an epoch, each of two questions and four answers to each."""
    values = {
        "batch_size": 8,
        "generations": 4,
        "answer_tokens": 6,
        "learning_rate": 3e-2,
        "epochs": 8,
        "examples": 6,
        "reward": LONG,
        **changes,
    }
    made = jobs.post_training(name, Path(pretrained.output))
    grpo = GroupPolicyOptimisation.model_validate(values)
    stages = made.post_training.model_copy(update={"grpo": grpo})
    more = {"post_training": stages, "assets": str(jobs.folder), "questions": made.chat}
    return made.model_copy(update=more)


def run(made: PostTrainJob) -> PostTrainJob:
    post_train(made, Progress(Path(made.work)))
    return made


@pytest.fixture(scope="module")
def done(
    pretrained: PretrainJob, mix: Path, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory
) -> PostTrainJob:
    jobs = Jobs(tmp_path_factory.mktemp("rewarded"), mix, tokenizer)
    return run(job(jobs, pretrained, "rewarded"))


def test_a_stage_begun_again_after_a_stop_writes_the_same_bytes(
    done: PostTrainJob, pretrained: PretrainJob, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = job(jobs, pretrained, "stopped_in_grpo")
    with monkeypatch.context() as patch:
        patch.setattr(module, "optimise_reward", _fail)
        with pytest.raises(RuntimeError):
            run(stopped)
    with monkeypatch.context() as patch:
        patch.setattr(module, "fine_tune", _fail)
        run(stopped)
    assert Manifest.of(Path(stopped.output)).files == Manifest.of(Path(done.output)).files


def test_the_stages_before_it_are_as_without_it(
    done: PostTrainJob, post_trained: PostTrainJob
) -> None:
    own, without = (Manifest.of(Path(one.output)).files for one in (done, post_trained))
    same = {name for name in without if name != "training_log.parquet"}
    assert {name: own[name] for name in same} == {name: without[name] for name in same}
    more = {"rollouts.parquet", "grpo_consumption.parquet"}
    assert {name for name in own.keys() - without.keys() if "/" not in name} == more
    AutoModelForCausalLM.from_pretrained(Path(done.output, "grpo"))
    for name in ("config.json", "generation_config.json"):
        assert own[f"grpo/{name}"] == own[f"dpo/{name}"]


def test_the_chain_can_be_recomputed_from_questions_and_recorded_answers(
    done: PostTrainJob,
) -> None:
    tokenizer = read_tokenizer(Path(done.checkpoint, "model"))
    encoder = ChatEncoder(tokenizer)
    empty = message("assistant", "")
    asked = {}
    for number, row in enumerate(conversations()[:12]):
        messages = [message("user", f"Day {number}?"), empty]
        whole = encoder.conversation("", {"messages": messages}).input_ids
        asked[row["document_id"]] = whole[:-1]
    ledger = pq.read_table(Path(done.output, "grpo_consumption.parquet")).to_pylist()
    rollouts = pq.read_table(Path(done.output, "rollouts.parquet")).to_pylist()
    assert len(ledger) == STEPS
    chain, tokens = bytes(32), 0
    for row in ledger:
        own = [one for one in rollouts if one["step"] == row["step"]]
        assert [one["document_id"] for one in own] == row["documents"]
        read = [token for one in own for token in asked[one["document_id"]] + one["ids"]]
        chain = hashlib.sha256(chain + np.asarray(read, "<u4").tobytes()).digest()
        tokens += len(read)
        assert (row["chain"], row["tokens"]) == (chain.hex(), tokens)


def test_a_vocabulary_that_begins_each_text_with_a_token_puts_none_into_what_is_read(
    done: PostTrainJob, pretrained: PretrainJob, jobs: Jobs
) -> None:
    """As GPT-2's and Llama's do: neither stage, nor what is written in GRPO, has it."""
    checkpoint = jobs.folder / "begun"
    shutil.copytree(Path(pretrained.output), checkpoint)
    tokenizer = read_tokenizer(checkpoint / "model")
    end = (tokenizer.eos_token, tokenizer.eos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{end[0]} $A", special_tokens=[end]
    )
    tokenizer.bos_token = end[0]
    tokenizer.save_pretrained(checkpoint / "model")
    begun = job(jobs, pretrained, "begun").model_copy(update={"checkpoint": str(checkpoint)})
    assert read_tokenizer(checkpoint / "model")("a").input_ids[0] == end[1]
    run(begun)
    for name in ("sft_consumption", "dpo_consumption", "grpo_consumption", "rollouts"):
        found, expected = (
            pq.read_table(Path(one.output, f"{name}.parquet")) for one in (begun, done)
        )
        assert found.equals(expected), name


def test_an_answer_s_advantage_is_its_reward_within_its_group(done: PostTrainJob) -> None:
    rollouts = pq.read_table(Path(done.output, "rollouts.parquet")).to_pylist()
    assert len(rollouts) == 8 * STEPS
    assert all(one["reward"] == len(one["text"]) for one in rollouts)
    checked = read_rollouts(Path(done.output, "rollouts.parquet"))
    assert checked.find_other_text(Path(done.output, "grpo")) is None
    checked.steps[2][0]["text"] += "."
    assert "texts of step 2 are not" in str(checked.find_other_text(Path(done.output, "grpo")))
    for first in range(0, len(rollouts), 4):
        group = rollouts[first : first + 4]
        assert len({one["document_id"] for one in group}) == 1
        rewards = np.array([one["reward"] for one in group])
        expected = (rewards - rewards.mean()) / (rewards.std(ddof=1) + 1e-4)
        assert [one["advantage"] for one in group] == pytest.approx(expected, abs=1e-3)


def test_the_log_tells_the_mean_reward_of_each_step(done: PostTrainJob) -> None:
    log = pq.read_table(Path(done.output, "training_log.parquet")).to_pylist()
    rollouts = pq.read_table(Path(done.output, "rollouts.parquet")).to_pylist()
    for row in log:
        own = [one["reward"] for one in rollouts if one["step"] == row["step"]]
        expected = pytest.approx(np.mean(own)) if row["stage"] == "grpo" else None
        assert row["reward"] == expected


def test_what_is_rewarded_becomes_more(done: PostTrainJob) -> None:
    rewards = pq.read_table(Path(done.output, "rollouts.parquet"))["reward"].to_numpy()
    assert rewards[-32:].mean() > rewards[:32].mean() + 3


def test_a_reward_that_is_the_same_for_all_is_refused(pretrained: PretrainJob, jobs: Jobs) -> None:
    flagged = {"scorer": "ai_discourse", "column": "flagged"}
    made = job(jobs, pretrained, "refused", reward=flagged)
    with pytest.raises(AlignmentError, match="have the same reward, 0"):
        run(made.model_copy(update={"assets": "assets"}))


def test_a_group_is_whole() -> None:
    with pytest.raises(ValueError, match="multiple of `generations`"):
        GroupPolicyOptimisation(
            batch_size=6, answer_tokens=4, learning_rate=1e-3, reward=LONG, generations=4
        )


def _fail(*_: object) -> None:
    raise RuntimeError("stopped")


def test_questions_that_leave_no_room_are_refused_before_anything_is_trained(
    pretrained: PretrainJob, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "fine_tune", _fail)
    length = jobs.post_training("long", Path(pretrained.output)).sequence_length
    with pytest.raises(DataError, match=r"post_training\.grpo\.answer_tokens .*: .*too long"):
        run(job(jobs, pretrained, "long", answer_tokens=length - 1))
    with pytest.raises(DataError, match=r"grpo\.batch_size: a step asks 64 questions"):
        run(job(jobs, pretrained, "wide", batch_size=256, examples=None))
