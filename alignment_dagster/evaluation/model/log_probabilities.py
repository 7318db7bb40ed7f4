"""Log-probabilities of continuations, in batches whose size is bounded by a token budget.

Sequences that begin alike are read together: a row holds a tree of tokens, so that a context is
read once for all its options, and the common part of two contexts once for both. Each token sees
the tokens on its own path from the root and nothing else (a mask says so), and its position is its
depth, as if its sequence stood alone. Log-softmax runs in float32 over the scored positions only.
The results do not depend on how rows were batched (within 1e-5).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from alignment_dagster.evaluation.model.hidden_states import ModelInputs, hidden_states
from alignment_dagster.evaluation.model.token_trees import Continuation, TokenTree, build_trees

IGNORED = 0
LOGITS = 2**22
"""At most so many numbers of logits are held at once (16 MiB)."""


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
    for batch in make_batches(
        build_trees(distinct, model.config.hidden_size, batch_tokens), batch_tokens
    ):
        scored = [one for row in batch for one in row.continuations]
        results.update(zip(scored, _score_batch(model, batch), strict=True))
        if report is not None:
            report(len(results), len(distinct))
    return [results[continuation] for continuation in continuations]


def make_batches(trees: Sequence[TokenTree], batch_tokens: int) -> Iterator[list[TokenTree]]:
    """Rows of similar length together: rows times longest row ≤ `batch_tokens`, or one row.

    The longest come first, so that a budget that is too large shows at once.
    """
    batch: list[TokenTree] = []
    for row in sorted(trees, key=lambda row: (-row.size, row.tokens)):
        if batch and (len(batch) + 1) * batch[0].size > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@torch.inference_mode()
def _score_batch(model: Any, batch: Sequence[TokenTree]) -> list[float]:
    """Sums for all continuations of the batch, row by row."""
    width = batch[0].size
    ids = torch.full((len(batch), width), IGNORED)
    positions = torch.zeros((len(batch), width), dtype=torch.long)
    for number, row in enumerate(batch):
        ids[number, : row.size] = torch.tensor(row.tokens)
        positions[number, : row.size] = torch.tensor(row.depths)
    mask = _mask(batch, width, model.dtype)
    inputs = ModelInputs(*(each.to(model.device) for each in (ids, positions, mask)))
    owners, at_row, at, targets = (each.to(model.device) for each in _scored_positions(batch))
    scores = token_scores(model, hidden_states(model, inputs, at_row, at), targets)
    sums = torch.zeros(sum(len(row.continuations) for row in batch), dtype=torch.float64)
    return [float(value) for value in sums.index_add(0, owners.cpu(), scores.double().cpu())]


def _mask(batch: Sequence[TokenTree], width: int, dtype: torch.dtype) -> torch.Tensor:
    """What each token sees: 0, and minus infinity for the rest [rows, 1, width, width].

    What stands before a token in its row and is not on its path is hidden, as is what follows. A
    padded position sees whatever precedes it: what it computes is never read.
    """
    hidden = torch.full((width, width), -torch.inf, dtype=dtype).triu(1).repeat(len(batch), 1, 1, 1)
    for number, row in enumerate(batch):
        for branch in row.branches:
            for begin, end in branch.hidden:
                hidden[number, 0, branch.begin : branch.end, begin:end] = -torch.inf
    return hidden


def _scored_positions(
    batch: Sequence[TokenTree],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Continuation, row, input position and target of every scored token, each [scored]."""
    found = []
    owner = 0
    for number, row in enumerate(batch):
        for one, path in zip(row.continuations, row.paths, strict=True):
            targets = one.tokens[one.start :]
            predicting = path[one.start - 1 :]
            found += [
                (owner, number, at, target) for at, target in zip(predicting, targets, strict=True)
            ]
            owner += 1
    owners, at_row, at_position, targets_ = torch.tensor(found).unbind(1)
    return owners, at_row, at_position, targets_


def token_scores(model: Any, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-probability of each target [n] under the hidden states [n, width], in float32.

    The logits are computed some positions at a time, so that they do not fill the memory.
    """
    head = model.get_output_embeddings()
    step = max(LOGITS // head.out_features, 1)
    found = []
    for at in range(0, len(targets), step):
        logits = head(hidden[at : at + step]).float()
        chosen = logits.gather(-1, targets[at : at + step].unsqueeze(-1)).squeeze(-1)
        found.append(chosen - torch.logsumexp(logits, dim=-1))
    return torch.cat(found)
