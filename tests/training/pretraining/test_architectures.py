"""Every architecture trains, opens as any checkpoint does, and is measured as it computes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from alignment_dagster.evaluation.evaluate import load_checkpoint
from alignment_dagster.evaluation.model.generation import generate
from alignment_dagster.evaluation.model.log_probabilities import score
from alignment_dagster.evaluation.model.token_trees import Continuation
from alignment_dagster.foundation.errors import AlignmentError, DeclarationError
from alignment_dagster.study import Model, Pretraining
from alignment_dagster.training.architectures import TESTED
from alignment_dagster.training.model_folder import read_tokenizer, write_model
from alignment_dagster.training.pretraining.data import PackedMix
from alignment_dagster.training.pretraining.loop import Loop
from alignment_dagster.training.pretraining.model import build_model, check_model
from tests.support.tiny_study import STUDY, TinyStudy

FIELDS = {"layers": 2, "width": 16, "heads": 2, "mlp_width": 32}
CASES: list[dict[str, Any]] = [
    {},
    {"key_value_heads": 1, "tied_embeddings": False},
    *({"architecture": name} for name in TESTED if name != "llama"),
    {"architecture": "qwen3", "key_value_heads": 1, "tied_embeddings": False},
    {"architecture": "gpt2", "tied_embeddings": False},
]


@pytest.mark.parametrize("fields", CASES, ids=str)
def test_a_declared_architecture_trains_and_is_measured_as_it_computes(
    tokenizer: Path, tmp_path: Path, fields: dict[str, Any]
) -> None:
    """Contexts that several options share, and prompts in batches, give what a plain pass does."""
    declared = Model.model_validate({**FIELDS, **fields})
    built = build_model(declared, read_tokenizer(tokenizer), 32, seed=3)
    tokens = np.random.default_rng(0).integers(5, 300, (4, 32)).astype(np.uint16)
    loop = Loop(built, PackedMix(tokens), Pretraining(batch_size=2, learning_rate=0.1), seed=0)
    loop.step()
    write_model(loop.model, tokenizer, tmp_path)
    checkpoint = load_checkpoint(tmp_path, "cpu")
    model = checkpoint.model
    assert model.config.model_type == declared.architecture
    own = (model.get_input_embeddings().weight, model.get_output_embeddings().weight)
    assert (own[0] is own[1]) is declared.tied_embeddings
    asked = [(7, 8, 9, 10, *rest) for rest in ((20, 21), (20, 22, 23), (24,))]
    found = score(model, [Continuation(one, 4) for one in asked], 500)
    for one, value in zip(asked, found, strict=True):
        assert value == pytest.approx(_plain(model, one, 4), abs=1e-5)
    prompts = [(7, 8, 9), (10, 11, 12, 13, 14, 15)]
    alone = [generate(model, checkpoint.tokenizer, [one], 5, 1)[0] for one in prompts]
    assert generate(model, checkpoint.tokenizer, prompts, 5, 500) == alone


def _plain(model: Any, tokens: tuple[int, ...], start: int) -> float:
    with torch.inference_mode():
        scores = torch.log_softmax(model(torch.tensor([tokens])).logits[0].double(), dim=-1)
    return sum(float(scores[at - 1, tokens[at]]) for at in range(start, len(tokens)))


def test_what_says_nothing_of_the_architecture_is_declared_as_before() -> None:
    """Fields that came later are in no digest where they say nothing."""
    assert Model.model_validate(FIELDS).model_dump() == FIELDS
    assert Model.model_validate({**FIELDS, "tied_embeddings": True}).model_dump() == FIELDS


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 18}, "width must be a multiple of twice the number of heads"),
        ({"heads": 4, "key_value_heads": 3}, "key_value_heads must be a divisor"),
    ],
)
def test_heads_that_do_not_divide_are_refused(fields: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Model.model_validate({**FIELDS, **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architecture": "lama"}, r"model.architecture: unknown .*'lama'; did you mean 'llama'"),
        ({"architecture": "zzz"}, r"architecture: unknown .*\(declared: llama, gpt_neox, qwen2"),
        (
            {"architecture": "gpt_neox", "key_value_heads": 1},
            r"model.key_value_heads: the attention of 'gpt_neox' cannot be grouped",
        ),
    ],
)
def test_an_architecture_that_is_not_there_is_refused_where_it_is_declared(
    tiny: TinyStudy, fields: dict[str, object], message: str
) -> None:
    tiny.change(model={**STUDY["model"], **fields})
    with pytest.raises(DeclarationError, match=rf"tiny.yaml:\d+: .*{message}"):
        tiny.load()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architecture": "bert"}, "'bert' cannot be trained here: it predicts tokens from those"),
        ({"architecture": "t5"}, "'t5' cannot be trained here: Unrecognized configuration"),
        ({"architecture": "gpt2", "key_value_heads": 1}, "model.key_value_heads: the architecture"),
    ],
)
def test_an_architecture_that_is_not_tested_is_tried(
    fields: dict[str, object], message: str
) -> None:
    check_model(Model.model_validate({**FIELDS, "architecture": "gpt2"}), longer=False)
    with pytest.raises(AlignmentError, match=message):
        check_model(Model.model_validate({**FIELDS, **fields}), longer=False)
