"""Log-probabilities of continuations, in batches whose size is bounded by a token budget.

The options of an item share their context, so the context is read once: a row holds it and, one
after the other, its continuations. Each sees the context and itself but not the others (a mask
says so) and counts its positions from the context's end, as if it stood alone. Log-softmax runs in
float32 over the scored positions only. The results do not depend on how rows were batched (within
1e-5).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch

IGNORED = 0


@dataclass(frozen=True)
class Continuation:
    """A token sequence, and where in it begins what is scored."""

    tokens: tuple[int, ...]
    start: int

    @property
    def context(self) -> tuple[int, ...]:
        """What stands before the scored tokens."""
        return self.tokens[: self.start]

    @property
    def scored(self) -> int:
        """How many tokens are scored."""
        return len(self.tokens) - self.start

    @property
    def inputs(self) -> int:
        """How many tokens the model reads: the last one is only predicted."""
        return len(self.tokens) - 1


@dataclass(frozen=True)
class Row:
    """Continuations of one context, read together."""

    continuations: tuple[Continuation, ...]

    @property
    def context(self) -> tuple[int, ...]:
        """What they share."""
        return self.continuations[0].context

    @property
    def inputs(self) -> int:
        """How many tokens the model reads."""
        return len(self.context) + sum(one.scored - 1 for one in self.continuations)

    @property
    def beginnings(self) -> list[int]:
        """For each continuation, where in the row its second token lies."""
        sizes = [one.scored - 1 for one in self.continuations]
        return [len(self.context) + before for before in accumulate([0, *sizes[:-1]])]


def score(
    model: Any,
    continuations: Sequence[Continuation],
    batch_tokens: int,
    report: Callable[[int, int], None] | None = None,
) -> list[float]:
    """Summed log-probability (nats) of each continuation's scored tokens, in the order given.

    Equal sequences are computed once. `report(done, total)` is called after every batch.
    """
    distinct = list(dict.fromkeys(continuations))
    results: dict[Continuation, float] = {}
    for batch in batches(rows(distinct), batch_tokens):
        scored = [one for row in batch for one in row.continuations]
        results.update(zip(scored, _batch_sums(model, batch), strict=True))
        if report is not None:
            report(len(results), len(distinct))
    return [results[continuation] for continuation in continuations]


def rows(continuations: Sequence[Continuation]) -> list[Row]:
    """Continuations of the same context together, where the context is the longer part."""
    shared: dict[tuple[object, ...], list[Continuation]] = {}
    for one in continuations:
        key = one.context if one.start > one.scored else (one.tokens, one.start)
        shared.setdefault(key, []).append(one)
    return [Row(tuple(group)) for group in shared.values()]


def batches(rows: Sequence[Row], batch_tokens: int) -> Iterator[list[Row]]:
    """Rows of similar length together: rows times longest row ≤ `batch_tokens`, or one row.

    The longest come first, so that a budget that is too large shows at once.
    """
    batch: list[Row] = []
    for row in sorted(rows, key=lambda row: (-row.inputs, row.context)):
        if batch and (len(batch) + 1) * batch[0].inputs > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@torch.inference_mode()
def _batch_sums(model: Any, batch: Sequence[Row]) -> list[float]:
    """Sums for all continuations of the batch, row by row."""
    width = max(row.inputs for row in batch)
    ids = torch.full((len(batch), width), IGNORED)
    positions = torch.zeros((len(batch), width), dtype=torch.long)
    # What a padded position sees does not matter, but it must see something: itself.
    mask = torch.eye(width, dtype=torch.bool).repeat(len(batch), 1, 1, 1)
    for number, row in enumerate(batch):
        _fill(row, ids[number], positions[number], mask[number, 0])
    device = model.device
    hidden = model.base_model(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        position_ids=positions.to(device),
        use_cache=False,
    ).last_hidden_state
    owners, at_row, at_position, targets = _scored_positions(batch)
    scores = token_scores(model, hidden[at_row, at_position], targets.to(device))
    sums = torch.zeros(sum(len(row.continuations) for row in batch), dtype=torch.float64)
    return [float(value) for value in sums.index_add(0, owners, scores.double().cpu())]


def _fill(row: Row, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> None:
    """Write one row's tokens [width], positions [width] and what sees what [width, width]."""
    shared = len(row.context)
    ids[:shared] = torch.tensor(row.context)
    positions[:shared] = torch.arange(shared)
    mask[:shared, :shared] = torch.ones(shared, shared, dtype=torch.bool).tril()
    for one, begin in zip(row.continuations, row.beginnings, strict=True):
        size = one.scored - 1
        own = slice(begin, begin + size)
        ids[own] = torch.tensor(one.tokens[shared:-1], dtype=torch.long)
        positions[own] = torch.arange(shared, shared + size)
        mask[own, :shared] = True
        mask[own, own] = torch.ones(size, size, dtype=torch.bool).tril()


def _scored_positions(
    batch: Sequence[Row],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Continuation, row, input position and target of every scored token, each [scored]."""
    found = []
    owner = 0
    for number, row in enumerate(batch):
        for one, begin in zip(row.continuations, row.beginnings, strict=True):
            predicting = [one.start - 1, *range(begin, begin + one.scored - 1)]
            targets = one.tokens[one.start :]
            found += [
                (owner, number, at, target) for at, target in zip(predicting, targets, strict=True)
            ]
            owner += 1
    owners, at_row, at_position, targets_ = zip(*found, strict=True)
    return (
        torch.tensor(owners),
        torch.tensor(at_row),
        torch.tensor(at_position),
        torch.tensor(targets_),
    )


def token_scores(model: Any, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-probability of each target [n] under the hidden states [n, width], in float32."""
    logits = model.get_output_embeddings()(hidden).float()
    chosen: torch.Tensor = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return chosen - torch.logsumexp(logits, dim=-1)
