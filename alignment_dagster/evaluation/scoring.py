"""Log-probabilities of continuations, in batches whose size is bounded by a token budget.

The results do not depend on how they were batched (within 1e-5): rows are padded on the right
behind an attention mask, and log-softmax runs in float32 over the option's positions only.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

IGNORED = 0


@dataclass(frozen=True)
class Continuation:
    """A token sequence, and where in it begins what is scored."""

    tokens: tuple[int, ...]
    start: int

    @property
    def scored(self) -> int:
        """How many tokens are scored."""
        return len(self.tokens) - self.start

    @property
    def inputs(self) -> int:
        """How many tokens the model reads: the last one is only predicted."""
        return len(self.tokens) - 1


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
    done = 0
    for batch in batches(distinct, batch_tokens):
        sums = _batch_sums(model, batch)
        results.update(zip(batch, sums, strict=True))
        done += len(batch)
        if report is not None:
            report(done, len(distinct))
    return [results[continuation] for continuation in continuations]


def batches(
    continuations: Sequence[Continuation], batch_tokens: int
) -> Iterator[list[Continuation]]:
    """Sequences of similar length together: rows times longest row ≤ `batch_tokens`, or one row.

    The longest come first, so that a budget that is too large shows at once.
    """
    batch: list[Continuation] = []
    ordered = sorted(continuations, key=lambda row: (-row.inputs, row.tokens, row.start))
    for row in ordered:
        if batch and (len(batch) + 1) * batch[0].inputs > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@torch.inference_mode()
def _batch_sums(model: Any, batch: Sequence[Continuation]) -> list[float]:
    width = max(row.inputs for row in batch)
    device = model.device
    ids = torch.full((len(batch), width), IGNORED, dtype=torch.long)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for number, row in enumerate(batch):
        ids[number, : row.inputs] = torch.tensor(row.tokens[:-1])
        mask[number, : row.inputs] = 1
    hidden = model.base_model(
        input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False
    ).last_hidden_state
    owners, positions, targets = _scored_positions(batch)
    scores = token_scores(model, hidden[owners, positions], targets.to(device))
    sums = torch.zeros(len(batch), dtype=torch.float64)
    return [float(value) for value in sums.index_add(0, owners, scores.double().cpu())]


def _scored_positions(
    batch: Sequence[Continuation],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Row, input position and target token of every scored token, each of shape [scored]."""
    owners = [number for number, row in enumerate(batch) for _ in range(row.scored)]
    positions = [at - 1 for row in batch for at in range(row.start, len(row.tokens))]
    targets = [token for row in batch for token in row.tokens[row.start :]]
    return torch.tensor(owners), torch.tensor(positions), torch.tensor(targets)


def token_scores(model: Any, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-probability of each target [n] under the hidden states [n, width], in float32."""
    logits = model.get_output_embeddings()(hidden).float()
    chosen: torch.Tensor = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return chosen - torch.logsumexp(logits, dim=-1)
