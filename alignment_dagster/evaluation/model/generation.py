"""Answers, greedy in batches whose size is bounded by a token budget, unless beams find them.

Prompts of similar length are read together, padded on the left. Padding is seen by nothing but
itself and positions are counted from each prompt's first token, so a prompt is continued as if it
stood alone: the answers do not depend on how prompts were batched.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from alignment_dagster.evaluation.model.beam_search import write_by_beams
from alignment_dagster.evaluation.model.control_tokens import beam_search, unwritten_ids
from alignment_dagster.foundation.errors import DataError

PADDING = 0
END = "<|end|>"


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt's token ids, and its place among the prompts."""

    place: int
    ids: tuple[int, ...]


def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    batch_tokens: int,
    report: Callable[[int, int], None] | None = None,
) -> list[str]:
    """The likeliest token after each prompt, again and again, decoded without special tokens.

    Tokens that the model's configuration rules out are never chosen. Where it says so, each prompt
    is read alone and continued by beams (`beam_search`), whatever the token budget is.

    An answer ends before the tokenizer's end-of-text token or `<|end|>`, or after
    `max_new_tokens`. Rows times (prompt + new tokens) stay within `batch_tokens`, or a batch is
    one row. `report(done, total)` is called after every batch.

    Raises:
        DataError: if a prompt is empty or leaves no room for the new tokens in the model's
            context, or if the model's logits are not finite.
    """
    tokenized = [TokenizedPrompt(place, tuple(ids)) for place, ids in enumerate(prompts)]
    _check_lengths(tokenized, max_new_tokens, model.config.max_position_embeddings)
    ending = {tokenizer.eos_token_id, tokenizer.get_added_vocab().get(END)}
    ends = sorted(one for one in ending if one is not None)
    answers: dict[int, list[int]] = {}
    for batch, continued in _write(model, tokenized, max_new_tokens, batch_tokens, ends):
        answers.update(zip((row.place for row in batch), continued, strict=True))
        if report is not None:
            report(len(answers), len(tokenized))
    return [
        tokenizer.decode(
            answers[row.place], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        for row in tokenized
    ]


def _write(
    model: Any,
    tokenized: Sequence[TokenizedPrompt],
    max_new_tokens: int,
    batch_tokens: int,
    ends: Sequence[int],
) -> Iterator[tuple[Sequence[TokenizedPrompt], list[list[int]]]]:
    """Prompts that are read together, and what is written after each."""
    if (search := beam_search(model)) is not None:
        unwritten = unwritten_ids(model)
        for row in tokenized:
            said = write_by_beams(model, row.ids, max_new_tokens, ends, unwritten, search)
            yield [row], [said]
        return
    last = torch.tensor(ends, device=model.device)
    for batch in _batches(tokenized, max_new_tokens, batch_tokens):
        yield batch, _continue_batch(model, [row.ids for row in batch], max_new_tokens, last)


def _check_lengths(tokenized: Sequence[TokenizedPrompt], max_new_tokens: int, context: int) -> None:
    for row in tokenized:
        if not row.ids:
            raise DataError(f"prompt {row.place}: there is nothing to continue")
        if len(row.ids) + max_new_tokens > context:
            raise DataError(
                f"prompt {row.place}: {len(row.ids)} tokens and {max_new_tokens} new ones do not "
                f"fit into the context of {context}"
            )


def _batches(
    tokenized: Sequence[TokenizedPrompt], max_new_tokens: int, batch_tokens: int
) -> Iterator[list[TokenizedPrompt]]:
    """The longest first, so that a budget that is too large shows at once."""
    batch: list[TokenizedPrompt] = []
    for row in sorted(tokenized, key=lambda row: (-len(row.ids), row.ids)):
        if batch and (len(batch) + 1) * (len(batch[0].ids) + max_new_tokens) > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@torch.inference_mode()
def _continue_batch(
    model: Any, prompts: Sequence[tuple[int, ...]], max_new_tokens: int, ends: torch.Tensor
) -> list[list[int]]:
    """The new token ids of each prompt, up to (not with) the one that ends the answer."""
    device = model.device
    unwritten = torch.tensor(unwritten_ids(model), dtype=torch.long, device=device)
    ids, positions, mask = (tensor.to(device) for tensor in _pad(prompts))
    seen = mask[:, :, -1:]
    cache = DynamicCache(config=model.config)
    ended = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    columns: list[torch.Tensor] = []
    while True:
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        logits = logits.index_fill(1, unwritten, -torch.inf)
        best, chosen = logits.float().max(dim=-1)
        if not bool(torch.isfinite(best).all()):
            raise DataError("the model's logits are not finite: the checkpoint is broken")
        ended = ended | torch.isin(chosen, ends)
        columns.append(torch.where(ended, -1, chosen))
        if len(columns) == max_new_tokens or bool(ended.all()):
            break
        seen = torch.cat([seen, torch.ones_like(seen[..., :1])], dim=-1)
        ids, positions, mask = chosen.unsqueeze(1), positions[:, -1:] + 1, seen
    table = torch.stack(columns, dim=1).tolist()
    return [[token for token in row if token >= 0] for row in table]


def _pad(
    prompts: Sequence[tuple[int, ...]],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids and positions, both [rows, width], and what sees what [rows, 1, width, width]."""
    width = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), width), PADDING)
    positions = torch.zeros((len(prompts), width), dtype=torch.long)
    # Padding has to see something, or its values are not numbers: it sees itself.
    mask = torch.eye(width, dtype=torch.bool).repeat(len(prompts), 1, 1, 1)
    for row, prompt in enumerate(prompts):
        own = slice(width - len(prompt), width)
        ids[row, own] = torch.tensor(prompt)
        positions[row, own] = torch.arange(len(prompt))
        mask[row, 0, own, own] = torch.ones(len(prompt), len(prompt), dtype=torch.bool).tril()
    return ids, positions, mask
