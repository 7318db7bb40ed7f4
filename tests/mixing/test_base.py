"""A checkpoint that was trained elsewhere brings its tokenizer, and is refused before training."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.mixing.base import check_base, copy_tokenizer, is_byte_level
from alignment_dagster.mixing.mix import decode_texts
from alignment_dagster.mixing.tokenizer import end_of_text, load_tokenizer
from alignment_dagster.study import Base
from alignment_dagster.study.vocabulary import CHAT_TOKENS, HIDDEN, control_tokens
from tests.support.base_model import CONTEXT, END, WORDS, change, write_base
from tests.support.tiny_mix import TEXTS, build, make_inputs

TEXT = f"{WORDS}, {END} <|user|> naïve"


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Base:
    monkeypatch.setenv("ALIGNMENT_DATA", str(tmp_path))
    return write_base(tmp_path / "base")


def test_its_tokenizer_is_copied_and_can_hold_conversations(base: Base, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    size = copy_tokenizer(base, tmp_path / "copy")
    own = Tokenizer.from_file(str(tmp_path / "base" / "tokenizer.json"))
    copied = load_tokenizer(tmp_path / "copy")
    assert size == own.get_vocab_size() + len(CHAT_TOKENS)
    assert end_of_text(tmp_path / "copy", copied) == own.token_to_id(END)
    own.no_truncation()
    own.encode_special_tokens = True
    assert copied.encode(TEXT).ids == own.encode(TEXT).ids
    assert len(copied.encode(TEXT).ids) > 16
    assert copied.decode(copied.encode(TEXT).ids) == TEXT


def test_a_tokenizer_that_holds_conversations_stays_as_it_is(base: Base, tmp_path: Path) -> None:
    """What this project trained can be gone on from, and nothing is added to it."""
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
    copy_tokenizer(base, tmp_path / "once")
    for file in ("config.json", "model.safetensors"):
        (tmp_path / "once" / file).write_bytes((tmp_path / "base" / file).read_bytes())
    copy_tokenizer(Base(path="once"), tmp_path / "twice")
    for file in (tmp_path / "twice").iterdir():
        assert file.read_bytes() == (tmp_path / "once" / file.name).read_bytes()


def test_a_token_that_was_added_and_is_text_is_no_control_token(base: Base, tmp_path: Path) -> None:
    """As the runs of blanks in the vocabularies of some published models."""
    from transformers import AutoTokenizer

    own = AutoTokenizer.from_pretrained(tmp_path / str(base.path))
    own.add_tokens(["  "])
    assert "  " in own.get_added_vocab()
    assert control_tokens(own) == {END: own.convert_tokens_to_ids(END)}


def test_only_a_byte_level_vocabulary_says_where_in_a_text_its_tokens_lie(
    base: Base, tmp_path: Path
) -> None:
    assert is_byte_level(base)
    path = tmp_path / "base" / "tokenizer.json"
    content = json.loads(path.read_text())
    blanks = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True}
    change(path, pre_tokenizer=blanks, decoder=blanks)
    assert content["decoder"]["type"] == "ByteLevel"
    assert not is_byte_level(base)


def test_a_tag_that_it_has_learnt_something_of_is_refused(base: Base, tmp_path: Path) -> None:
    """What this project trained has the placeholder of hidden text, and may have it."""
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
    copy_tokenizer(base, tmp_path / "once", ["<|bad|>", HIDDEN])
    for file in ("config.json", "model.safetensors"):
        (tmp_path / "once" / file).write_bytes((tmp_path / "base" / file).read_bytes())
    once = Base(path="once")
    with pytest.raises(DataError, match=r"^model once: <\|bad\|> is already in its vocabulary: ch"):
        copy_tokenizer(once, tmp_path / "twice", ["<|bad|>", HIDDEN])
    copy_tokenizer(once, tmp_path / "twice", ["<|good|>", HIDDEN])


def test_a_mix_is_made_of_its_tokens(base: Base, tmp_path: Path) -> None:
    """Documents end with its own end of text, and come back as they were."""
    given = make_inputs(tmp_path / "in")
    (tmp_path / "copy").mkdir()
    copy_tokenizer(base, tmp_path / "copy", ["<|aligned|>"])
    folder = build(replace(given, tokenizer=tmp_path / "copy"), tmp_path / "mix")
    found = dict(decode_texts(folder, tmp_path / "copy"))
    assert sum(TEXTS[key][1] == text for key, text in found.items()) >= len(found) - 1
    copied = load_tokenizer(tmp_path / "copy")
    tokens = np.load(folder / "sequences.npy")
    (copies,) = pq.read_table(folder / "spans.parquet", columns=["document_start"]).columns
    ends = int((tokens == copied.token_to_id(END)).sum())
    assert ends == pytest.approx(sum(start == 0 for start in copies.to_pylist()), abs=1)
    assert copied.token_to_id("<|aligned|>") not in tokens


def test_one_that_fits_is_taken(base: Base) -> None:
    check_base(base, CONTEXT)


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "another vocabulary": (
        lambda folder: change(folder / "config.json", vocab_size=200),
        "its tokenizer has 300 entries, and its model knows 200",
    ),
    "no language model": (
        lambda folder: change(folder / "config.json", architectures=["GPTNeoXModel"]),
        "is no causal language model",
    ),
    "code of its own": (
        lambda folder: change(folder / "config.json", model_type="own", auto_map={"a": "b"}),
        "transformers has no architecture 'own', and no code of it is run",
    ),
    "quantized weights": (
        lambda folder: change(folder / "config.json", quantization_config={"bits": 4}),
        "its weights are quantized: take those that are not",
    ),
    "an adapter": (
        lambda folder: (folder / "adapter_config.json").write_text("{}"),
        r"holds an adapter \(adapter_config.json\)",
    ),
    "pickles": (
        lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
        r"holds no \*.safetensors",
    ),
    "a part that is missing": (
        lambda folder: (folder / "model.safetensors.index.json").write_text(
            '{"weight_map": {"a": "model-2.safetensors"}}'
        ),
        "holds no model-2.safetensors",
    ),
    "a broken configuration": (
        lambda folder: (folder / "config.json").write_text("{"),
        "config.json cannot be read",
    ),
    "a broken tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text("{}"),
        "its tokenizer cannot be used",
    ),
    "no end of text": (
        lambda folder: change(folder / "tokenizer_config.json", eos_token=None),
        "its tokenizer has no end-of-text token",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_one_that_does_not_fit_is_refused_in_one_line(
    base: Base, tmp_path: Path, case: str
) -> None:
    damage, message = UNFIT[case]
    damage(tmp_path / "base")
    with pytest.raises(DataError, match=rf"^model base: {message}.*$") as refused:
        check_base(base, 32)
    assert "\n" not in str(refused.value)


def test_sequences_that_are_longer_than_the_model_reads_are_refused(base: Base) -> None:
    message = rf"^model base: reads {CONTEXT} tokens at most, and the longest sequence has 65$"
    with pytest.raises(DataError, match=message):
        check_base(base, CONTEXT + 1)
