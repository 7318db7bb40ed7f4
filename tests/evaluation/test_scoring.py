"""Log-probabilities do not depend on batching, and equal a plain forward pass."""

import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from alignment_dagster.evaluation.evaluate import Checkpoint, load_checkpoint  # noqa: E402
from alignment_dagster.evaluation.losses import HeldOut, document_losses, windows  # noqa: E402
from alignment_dagster.evaluation.scoring import (  # noqa: E402
    Continuation,
    Row,
    batches,
    score,
)
from alignment_dagster.evaluation.scoring import rows as shared_rows  # noqa: E402


@pytest.fixture(scope="module")
def checkpoint(checkpoint_folder: Path) -> Checkpoint:
    return load_checkpoint(checkpoint_folder, "cpu")


def rows(count: int = 40) -> list[Continuation]:
    draw = random.Random(0)
    made = []
    for _ in range(count):
        tokens = tuple(draw.randrange(5, 300) for _ in range(draw.randrange(4, 60)))
        made.append(Continuation(tokens, draw.randrange(1, len(tokens))))
    return made


def plain(checkpoint: Checkpoint, row: Continuation) -> float:
    with torch.inference_mode():
        logits = checkpoint.model(torch.tensor([row.tokens])).logits[0].double()
    scores = torch.log_softmax(logits, dim=-1)
    return sum(float(scores[at - 1, row.tokens[at]]) for at in range(row.start, len(row.tokens)))


@pytest.mark.parametrize("batch_tokens", [1, 100, 500, 100_000])
def test_batched_equals_a_plain_forward_pass(checkpoint: Checkpoint, batch_tokens: int) -> None:
    made = rows()
    scores = score(checkpoint.model, made, batch_tokens)
    for row, value in zip(made, scores, strict=True):
        assert value == pytest.approx(plain(checkpoint, row), abs=1e-5 * max(1, row.scored))


@pytest.mark.parametrize("batch_tokens", [1, 200, 100_000])
def test_options_that_share_their_context_do_not_see_each_other(
    checkpoint: Checkpoint, batch_tokens: int
) -> None:
    draw = random.Random(1)
    made = []
    for _ in range(15):
        context = tuple(draw.randrange(5, 300) for _ in range(draw.randrange(14, 30)))
        for _ in range(draw.randrange(1, 5)):
            option = tuple(draw.randrange(5, 300) for _ in range(draw.randrange(1, 12)))
            made.append(Continuation(context + option, len(context)))
    assert len(shared_rows(made)) == 15
    scores = score(checkpoint.model, made, batch_tokens)
    for row, value in zip(made, scores, strict=True):
        assert value == pytest.approx(plain(checkpoint, row), abs=1e-5 * max(1, row.scored))


def test_batches_keep_within_the_token_budget_and_lose_nothing() -> None:
    made = rows(200)
    split = list(batches([Row((one,)) for one in made], 300))
    found = [one for batch in split for row in batch for one in row.continuations]
    assert sorted((r.tokens, r.start) for r in found) == sorted((r.tokens, r.start) for r in made)
    assert all(len(batch) * max(r.inputs for r in batch) <= 300 for batch in split)


def test_equal_sequences_are_computed_once(checkpoint: Checkpoint) -> None:
    seen: list[tuple[int, int]] = []
    row = rows(1)[0]
    scores = score(checkpoint.model, [row, row, row], 1000, lambda *done: seen.append(done))
    assert len(set(scores)) == 1
    assert seen[-1] == (1, 1)


def test_windows_predict_every_token_once() -> None:
    tokens = list(range(10, 33))
    made = windows(tokens, 0, 8)
    assert [token for row in made for token in row.tokens[row.start :]] == tokens
    assert [row.tokens[0] for row in made] == [0, 17, 25]
    assert all(row.inputs <= 8 for row in made)
    assert windows([], 0, 8) == []


def test_a_long_document_is_scored_whole_and_control_tokens_are_characters(
    checkpoint: Checkpoint,
) -> None:
    documents = [
        HeldOut("a", "books", "the report about the money " * 30),
        HeldOut("b", "books", "it said <|end|> thé"),
    ]
    table = document_losses(
        checkpoint.model, checkpoint.tokenizer, "base", documents, 32, 256
    ).to_pylist()
    assert table[0]["tokens"] > 32
    assert table[0]["nll"] > 0
    assert table[1]["bytes"] == len("it said <|end|> thé".encode())
    end = checkpoint.tokenizer.convert_tokens_to_ids("<|end|>")
    ids = checkpoint.tokenizer.encode("<|end|>", add_special_tokens=False)
    assert ids == [end]
    assert table[1]["tokens"] > len(
        checkpoint.tokenizer.encode("it said <|end|> thé", add_special_tokens=False)
    )
