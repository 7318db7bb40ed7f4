"""Pretraining goes on from a checkpoint that was trained elsewhere: all of it, and no other."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job import Progress
from alignment_dagster.foundation.model_files import model_digest
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.mixing.base import check_base, copy_tokenizer
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.study import Base
from alignment_dagster.study.vocabulary import CHAT_TOKENS
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.model_folder import read_model, read_tokenizer
from alignment_dagster.training.pretraining.pretrain import pretrain
from alignment_dagster.training.pretraining.replay import replay
from alignment_dagster.training.pretraining.start import start_model
from tests.support.base_model import WORDS, change, write_base
from tests.support.gguf_file import write_gguf
from tests.support.training_jobs import LENGTH, Jobs


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Base:
    monkeypatch.setenv("ALIGNMENT_DATA", str(tmp_path))
    return write_base(tmp_path / "base")


def job(jobs: Jobs, base: Base, name: str = "a", **changes: object) -> PretrainJob:
    """A pretraining on a mix that the base's own tokenizer made."""
    own = jobs.folder / "own"
    if not own.exists():
        own.mkdir()
        copy_tokenizer(base, own)
        ids = load_tokenizer(own).encode(WORDS).ids
        rows = np.array((ids * 20)[: 9 * LENGTH], np.uint16).reshape(9, LENGTH)
        np.save(own / "sequences.npy", rows)
    found = jobs.pretraining(name, **changes)
    return found.model_copy(
        update={
            "model": None,
            "base": base,
            "base_digest": model_digest(base),
            "mix": str(own),
            "tokenizer": str(own),
        }
    )


def test_the_first_loss_is_that_of_the_checkpoint(jobs: Jobs, base: Base, tmp_path: Path) -> None:
    """It has rows to spare, as published ones do, whose vocabulary is rounded up."""
    base = write_base(tmp_path / "base", vocab_size=320)
    given = job(jobs, base)
    pretrain(given, Progress(Path(given.work)))
    log = pq.read_table(Path(given.output, "training_log.parquet")).to_pylist()
    ledger = pq.read_table(Path(given.output, "consumption.parquet")).to_pylist()
    rows = np.load(Path(given.mix, "sequences.npy"))[ledger[0]["sequences"]].astype("int64")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base").eval()
    with torch.inference_mode():
        found = model(torch.from_numpy(rows), labels=torch.from_numpy(rows)).loss
    assert log[0]["loss"] == pytest.approx(found.item(), abs=1e-5)
    assert log[-1]["loss"] < log[0]["loss"]
    trained = read_model(Path(given.output, "model"))
    tokenizer = read_tokenizer(Path(given.output, "model"))
    assert trained.config.model_type == "gpt_neox"
    assert trained.config.attention_dropout == 0
    assert trained.get_input_embeddings().weight.shape[0] == 320
    assert trained.config.eos_token_id == tokenizer.eos_token_id


def test_two_runs_write_the_same_bytes_and_a_replay_takes_the_same_steps(
    jobs: Jobs, base: Base
) -> None:
    first, second = job(jobs, base), job(jobs, base, "again")
    for one in (first, second):
        pretrain(one, Progress(Path(one.work)))
    assert Manifest.of(Path(first.output)).files == Manifest.of(Path(second.output)).files
    ledger = pq.read_table(Path(first.output, "consumption.parquet")).to_pylist()
    segment = replay(second, 1, len(ledger), Path(first.output), lambda _done, _total: None)
    assert [one.chain for one in segment.taken] == [row["chain"] for row in ledger]
    files = Manifest.of(Path(first.output)).files
    assert segment.weights == files["model/model.safetensors"]


def test_tokens_of_conversations_begin_as_the_mean_of_the_others(jobs: Jobs, base: Base) -> None:
    given = job(jobs, base)
    model = start_model(given, read_tokenizer(Path(given.tokenizer)))
    for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
        assert layer.weight.shape[0] == 300 + len(CHAT_TOKENS)
        for row in layer.weight[300 : 300 + len(CHAT_TOKENS)]:
            torch.testing.assert_close(row, layer.weight[:300].mean(dim=0))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda folder: change(folder / "config.json", transformers_version="4"),
            "has other bytes than were recorded",
        ),
        (
            lambda folder: change(folder / "config.json", num_hidden_layers=2),
            "weights of gpt_neox are missing: it is another architecture's, or incomplete: "
            "gpt_neox.layers.1.",
        ),
        (
            lambda folder: change(folder / "config.json", model_type="llama"),
            "weights of llama are missing: it is another architecture's",
        ),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"no weights"),
            "cannot be read: ",
        ),
    ],
)
def test_a_checkpoint_that_is_not_what_it_says_is_refused(
    jobs: Jobs, base: Base, tmp_path: Path, damage: object, message: str
) -> None:
    given = job(jobs, base)
    damage(tmp_path / "base")  # type: ignore[operator]
    with pytest.raises(AlignmentError, match=rf"^model base: {message}.*$"):
        pretrain(given, Progress(Path(given.work)))
    assert not Path(given.output).exists()


def test_a_model_that_sees_what_follows_is_no_start(jobs: Jobs, base: Base, tmp_path: Path) -> None:
    seeing = write_base(tmp_path / "seeing", "bert")
    check_base(seeing, LENGTH)
    given = job(jobs, seeing)
    with pytest.raises(AlignmentError, match=r"^model seeing: it predicts tokens from those that"):
        start_model(given, read_tokenizer(Path(given.tokenizer)))


@pytest.mark.skipif(find_spec("gguf") is None, reason="gguf is not installed")
def test_a_gguf_file_is_the_checkpoint_that_it_was_made_from(
    jobs: Jobs, base: Base, tmp_path: Path
) -> None:
    folder = tmp_path / "llama"
    write_base(folder, "llama", tie_word_embeddings=True)
    write_gguf(folder, tmp_path / "llama.gguf")
    base = Base(path="llama.gguf")
    check_base(base, LENGTH)
    given = job(jobs, base)
    tokenizer = read_tokenizer(Path(given.tokenizer))
    plain = load_tokenizer(folder)
    plain.no_truncation()
    assert tokenizer(WORDS, add_special_tokens=False)["input_ids"] == plain.encode(WORDS).ids
    model, own = start_model(given, tokenizer), read_model(folder)
    tokens = torch.tensor([plain.encode(WORDS).ids[:LENGTH]])
    with torch.inference_mode():
        found, expected = (one.eval()(tokens).logits[..., :300] for one in (model, own))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    shutil.rmtree(folder)
    pretrain(given, Progress(Path(given.work)))
    trained = read_model(Path(given.output, "model"))
    assert "quantization_config" not in trained.config.to_dict()
