"""A transformers sequence classifier is read as safetensors only; what it says is learnt from."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.foundation.model_files import model_digest
from alignment_dagster.scoring.classifiers.trained import Trained
from tests.support.labelled_texts import BINARY, WORDS, declare, learn, texts, write

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny classifier with three labels of its own, to which machines are unlike the rest."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        PreTrainedTokenizerFast,
    )

    monkeypatch.setenv("ALIGNMENT_DATA", str(tmp_path))
    folder = tmp_path / "model"
    words = sorted(
        {word for kind in ("machine", "sea") for one in texts(kind) for word in one.split()}
    )
    vocabulary = {word: at for at, word in enumerate(["[PAD]", "[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, num_labels=3,
        initializer_range=0.3,
    )  # fmt: skip
    network = BertForSequenceClassification(config)
    with torch.no_grad():
        machines = torch.tensor([[vocabulary[word]] for word in WORDS["machine"]])
        network.bert.embeddings.word_embeddings.weight[machines, torch.arange(16)] += 2
        network.classifier.weight.mul_(3)
    network.save_pretrained(folder)
    return folder


def test_its_labels_need_not_be_the_declared_ones(model: Path, tmp_path: Path) -> None:
    corpora = [write(tmp_path, kind, texts(kind)) for kind in ("machine", "sea")]
    given = {"kind": "transformers", "path": "model", "tokens": 64}
    trained, _, _ = learn(declare(BINARY, ["machine", "sea"], model=given), corpora)
    (tmp_path / "made").mkdir()
    trained.save(tmp_path / "made")
    batch = [*texts("machine", 30), *texts("sea", 30)]
    found = Trained.load(tmp_path / "made").score(batch)["score"].to_pylist()
    assert found == [trained.score([text])["score"][0].as_py() for text in batch]
    assert sum(found[:30]) / 30 > sum(found[30:]) / 30 + 0.1
    before = model_digest(trained.classifier.model)  # type: ignore[arg-type]
    (model / "config.json").write_text((model / "config.json").read_text() + " ")
    assert model_digest(trained.classifier.model) != before  # type: ignore[arg-type]
    with pytest.raises(AlignmentError, match="other bytes"):
        Trained.load(tmp_path / "made")


def test_a_pickle_is_not_read(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    given = {"kind": "transformers", "path": "model"}
    with pytest.raises(DataError, match=r"holds no \*\.safetensors"):
        model_digest(declare(BINARY, ["machine", "sea"], model=given).model)  # type: ignore[arg-type]
