"""A model that was trained behind control tokens is asked behind them, and writes none."""

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from alignment_dagster.evaluation.answers import item_rows
from alignment_dagster.evaluation.attacks.conversation import Conversation, Renderer
from alignment_dagster.evaluation.evaluate import Checkpoint, load_checkpoint
from alignment_dagster.evaluation.model.control_tokens import (
    ask_behind,
    leave_unwritten,
    prompt_ids,
)
from alignment_dagster.evaluation.model.generation import generate
from alignment_dagster.evaluation.model.losses import HeldOutDocument, document_losses
from alignment_dagster.evaluation.suites.formats import make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from tests.support.drill_items import SuiteMaker

GOOD, BAD = "<|system|>", "<|user|>"
"""Any control tokens serve."""


@pytest.fixture
def asked(checkpoint_folder: Path, tmp_path: Path) -> Checkpoint:
    """Saved and opened again, as by post-training."""
    loaded = load_checkpoint(checkpoint_folder, "cpu")
    good, bad = (loaded.tokenizer.convert_tokens_to_ids(name) for name in (GOOD, BAD))
    ask_behind(loaded.model, [good])
    leave_unwritten(loaded.model, [good, bad])
    loaded.model.save_pretrained(tmp_path / "model")
    loaded.tokenizer.save_pretrained(tmp_path / "model")
    return load_checkpoint(tmp_path / "model", "cpu")


def log_probability(model: Any, context: list[int], tokens: list[int]) -> float:
    with torch.inference_mode():
        logits = model(torch.tensor([[*context, *tokens]])).logits[0].log_softmax(-1)
    return sum(float(logits[at - 1, token]) for at, token in enumerate(tokens, start=len(context)))


def test_options_are_scored_behind_it(
    asked: Checkpoint, make_suite: SuiteMaker, tmp_path: Path
) -> None:
    row = {"scenario": "The assistant was asked.", "question": "So?", "topic": "t",
           "options": ["told the truth", "hide a report"], "misaligned": 1}  # fmt: skip
    suite = make_suite([row])
    prompts = list(make_prompts(suite, load_suite(suite, tmp_path)))
    prompt = prompts[0]
    for stage in ("base", "dpo"):
        (found, *_) = item_rows(
            asked.model, asked.tokenizer, stage, prompts[:1], 200, 1000
        ).to_pylist()
        context = prompt.plain.rstrip()
        gap = " "
        if stage == "dpo":
            message = [{"role": "user", "content": prompt.message}]
            context = asked.tokenizer.apply_chat_template(
                message, tokenize=False, add_generation_prompt=True
            )
            gap = ""
        before = [*prompt_ids(asked.model), *asked.tokenizer(context)["input_ids"]]
        for option, value in zip(prompt.answers, found["log_probabilities"], strict=True):
            tokens = asked.tokenizer(gap + option)["input_ids"]
            assert value == pytest.approx(log_probability(asked.model, before, tokens), abs=1e-4)


def test_a_held_out_document_follows_it(asked: Checkpoint) -> None:
    text = "the assistant told the truth about the money and then " * 3
    document = HeldOutDocument("a", "s", text)
    (found,) = document_losses(
        asked.model, asked.tokenizer, "base", [document], 24, 1000
    ).to_pylist()
    tokens = asked.tokenizer(text)["input_ids"]
    whole = [asked.tokenizer.eos_token_id, *prompt_ids(asked.model), *tokens]
    wanted = log_probability(asked.model, whole[:2], whole[2:25])
    for at in range(24, len(whole) - 1, 24):
        wanted += log_probability(asked.model, whole[at : at + 1], whole[at + 1 : at + 25])
    assert found["tokens"] == len(tokens)
    assert found["nll"] == pytest.approx(-wanted, abs=1e-3)


def test_what_is_ruled_out_is_never_written(asked: Checkpoint) -> None:
    vocabulary = len(asked.tokenizer)
    only = 77
    leave_unwritten(asked.model, [one for one in range(vocabulary) if one != only])
    answers = generate(asked.model, asked.tokenizer, [[7, 8], [9]], 4, 100)
    assert answers == [asked.tokenizer.decode([only] * 4)] * 2


@pytest.mark.parametrize("stage", ["base", "dpo"])
def test_an_attacked_question_follows_it(asked: Checkpoint, stage: str) -> None:
    plain = Renderer(asked.tokenizer, stage)
    behind = Renderer(asked.tokenizer, stage, prompt_ids(asked.model))
    one = Conversation("Why?", suffix=" now", system="Be kind.")
    assert behind.text(one) == GOOD + plain.text(one)
    assert behind.tokens([one]) == [(*prompt_ids(asked.model), *plain.tokens([one])[0])]
    before, after = behind.around_suffix(one)
    assert (before[1:], after) == plain.around_suffix(one)
    (row,), (other,) = (each.continuations([one], [["Yes."]]) for each in (behind, plain))
    assert (row[0].tokens[1:], row[0].start - 1) == (other[0].tokens, other[0].start)
