"""Log-probabilities do not depend on batching, and equal a plain forward pass."""

import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from alignment_dagster.evaluation.evaluate import Checkpoint, load_checkpoint
from alignment_dagster.evaluation.model.log_probabilities import make_batches, score
from alignment_dagster.evaluation.model.losses import (
    HeldOutDocument,
    document_losses,
    split_windows,
)
from alignment_dagster.evaluation.model.token_trees import Continuation, TokenTree, build_trees


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


def alike(seed: int) -> list[Continuation]:
    """Questions that begin alike, each with options, some of which begin alike too."""
    draw = random.Random(seed)

    def text(least: int, most: int) -> tuple[int, ...]:
        return tuple(draw.randrange(5, 300) for _ in range(draw.randrange(least, most)))

    made = []
    for _ in range(8):
        beginning = text(10, 25)
        for question in [(), *(text(1, 20) for _ in range(draw.randrange(1, 4)))]:
            context = beginning + question
            word = text(1, 4)
            options = [word + text(1, 9) for _ in range(3)] + [text(1, 12), (7,), (8,)]
            made += [Continuation(context + one, len(context)) for one in dict.fromkeys(options)]
    draw.shuffle(made)
    return made


@pytest.mark.parametrize("batch_tokens", [1, 50, 200, 100_000])
def test_sequences_that_share_a_beginning_do_not_see_each_other(
    checkpoint: Checkpoint, batch_tokens: int
) -> None:
    made = alike(1)
    scores = score(checkpoint.model, made, batch_tokens)
    for row, value in zip(made, scores, strict=True):
        assert value == pytest.approx(plain(checkpoint, row), abs=1e-5 * max(1, row.scored))


def test_what_sequences_share_is_read_once() -> None:
    made = alike(2)
    read = sum(row.size for row in build_trees(made, 4096, 10_000))
    assert read == len({one.tokens[:end] for one in made for end in range(1, len(one.tokens))})
    assert read < sum(one.inputs for one in made) / 2


def test_a_row_keeps_within_the_budget_and_each_token_knows_its_depth() -> None:
    made = alike(3)
    for row in build_trees(made, 4096, 60):
        assert row.size <= 60 or len(row.continuations) == 1
        for one, path in zip(row.continuations, row.paths, strict=True):
            assert [row.tokens[at] for at in path] == list(one.tokens[:-1])
            assert [row.depths[at] for at in path] == list(range(one.inputs))


def test_a_small_model_does_not_pay_attention_to_save_a_few_tokens() -> None:
    first, second = (Continuation((1, 2, *range(at, at + 200)), 150) for at in (10, 300))
    assert len(build_trees([first, second], 128, 10_000)) == 2


def test_another_architecture_and_grouped_heads_give_the_same_as_a_plain_forward_pass() -> None:
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
    )

    torch.manual_seed(0)
    llama = LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=0.3,
    )
    gpt2 = GPT2Config(vocab_size=320, n_embd=32, n_layer=2, n_head=4, n_positions=128)
    for model in (LlamaForCausalLM(llama), GPT2LMHeadModel(gpt2)):
        made = alike(4)
        scores = score(model.eval(), made, 300)
        for row, value in zip(made, scores, strict=True):
            expected = plain(Checkpoint(model, None), row)
            assert value == pytest.approx(expected, abs=1e-5 * max(1, row.scored))


def test_batches_keep_within_the_token_budget_and_lose_nothing() -> None:
    made = rows(200)
    split = list(make_batches([single(one) for one in made], 300))
    found = [one for batch in split for row in batch for one in row.continuations]
    assert sorted((r.tokens, r.start) for r in found) == sorted((r.tokens, r.start) for r in made)
    assert all(len(batch) * max(row.size for row in batch) <= 300 for batch in split)


def single(one: Continuation) -> TokenTree:
    row = TokenTree()
    row.add(one, 0)
    return row


def test_the_same_call_gives_the_same_bits(checkpoint: Checkpoint) -> None:
    made = alike(5)
    assert score(checkpoint.model, made, 500) == score(checkpoint.model, made, 500)


def test_equal_sequences_are_computed_once(checkpoint: Checkpoint) -> None:
    seen: list[tuple[int, int]] = []
    row = rows(1)[0]
    scores = score(checkpoint.model, [row, row, row], 1000, lambda *done: seen.append(done))
    assert len(set(scores)) == 1
    assert seen[-1] == (1, 1)


def test_windows_predict_every_token_once() -> None:
    tokens = list(range(10, 33))
    made = split_windows(tokens, 0, 8)
    assert [token for row in made for token in row.tokens[row.start :]] == tokens
    assert [row.tokens[0] for row in made] == [0, 17, 25]
    assert all(row.inputs <= 8 for row in made)
    assert split_windows([], 0, 8) == []


def test_a_long_document_is_scored_whole_and_control_tokens_are_characters(
    checkpoint: Checkpoint,
) -> None:
    documents = [
        HeldOutDocument("a", "books", "the report about the money " * 30),
        HeldOutDocument("b", "books", "it said <|end|> thé"),
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
