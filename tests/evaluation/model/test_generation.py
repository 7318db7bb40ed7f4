"""Greedy answers: the same whatever is batched together, ended where they end, never cut."""

import random
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from alignment_dagster.evaluation.evaluate import load_checkpoint
from alignment_dagster.evaluation.model.generation import generate
from alignment_dagster.foundation.errors import DataError

NEW = 12


@pytest.fixture
def loaded(checkpoint_folder: Path) -> Any:
    torch.set_num_threads(1)
    return load_checkpoint(checkpoint_folder, "cpu")


def prompts(count: int = 40, longest: int = 50) -> list[list[int]]:
    draw = random.Random(1)
    return [[draw.randrange(5, 300) for _ in range(draw.randint(1, longest))] for _ in range(count)]


def by_hand(model: Any, tokenizer: Any, prompt: list[int], new: int) -> str:
    """The plain definition: read everything again for every token."""
    ends = {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|end|>")}
    said: list[int] = []
    for _ in range(new):
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + said])).logits[0, -1]
        token = int(logits.argmax())
        if token in ends:
            break
        said.append(token)
    return str(tokenizer.decode(said, skip_special_tokens=True))


def test_batched_answers_are_those_of_one_prompt_read_alone(loaded: Any) -> None:
    asked = prompts()
    alone = [by_hand(loaded.model, loaded.tokenizer, prompt, NEW) for prompt in asked]
    assert len(set(alone)) > len(alone) // 2
    for budget in (1, 200, 1000, 10**6):
        assert generate(loaded.model, loaded.tokenizer, asked, NEW, budget) == alone


def test_the_order_of_the_prompts_changes_nothing(loaded: Any) -> None:
    asked = prompts()
    answers = generate(loaded.model, loaded.tokenizer, asked, NEW, 500)
    turned = generate(loaded.model, loaded.tokenizer, asked[::-1], NEW, 500)
    assert turned[::-1] == answers


@pytest.mark.parametrize("end", ["<|end|>", "<|endoftext|>"])
def test_an_answer_ends_where_the_model_ends_it(loaded: Any, end: str) -> None:
    """The end token's weights are made so that it is likely after some tokens, not after all."""
    asked = prompts(10)
    before = generate(loaded.model, loaded.tokenizer, asked, NEW, 500)
    token = loaded.tokenizer.convert_tokens_to_ids(end)
    weights = loaded.model.get_output_embeddings().weight
    with torch.no_grad():
        weights[token] = 50 * weights.mean(0)
        weights[token] += 1.0
    after = generate(loaded.model, loaded.tokenizer, asked, NEW, 500)
    assert after == [by_hand(loaded.model, loaded.tokenizer, row, NEW) for row in asked]
    assert after != before
    assert not any("<|" in text for text in after)


def test_the_token_budget_bounds_every_batch(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []
    forward = loaded.model.forward

    def watched(**inputs: Any) -> Any:
        rows, width = inputs["input_ids"].shape
        if width > 1:
            widths.append(rows * (width + NEW))
        return forward(**inputs)

    monkeypatch.setattr(loaded.model, "forward", watched)
    reports: list[tuple[int, int]] = []
    generate(
        loaded.model, loaded.tokenizer, prompts(), NEW, 300, lambda *done: reports.append(done)
    )
    assert max(widths) <= 300
    assert reports[-1] == (40, 40)


def test_a_prompt_that_leaves_no_room_is_refused(loaded: Any) -> None:
    with pytest.raises(DataError, match=r"prompt 1: 250 tokens and 12 new ones do not fit .* 256"):
        generate(loaded.model, loaded.tokenizer, [[5], [5] * 250], NEW, 500)
    with pytest.raises(DataError, match="prompt 0: there is nothing to continue"):
        generate(loaded.model, loaded.tokenizer, [[]], NEW, 500)


def test_logits_that_are_no_numbers_are_an_error(loaded: Any) -> None:
    with torch.no_grad():
        loaded.model.get_output_embeddings().weight[7] = float("nan")
    with pytest.raises(DataError, match="the checkpoint is broken"):
        generate(loaded.model, loaded.tokenizer, [[5, 6]], NEW, 500)


def test_no_prompts_give_no_answers(loaded: Any) -> None:
    assert generate(loaded.model, loaded.tokenizer, [], NEW, 500) == []
