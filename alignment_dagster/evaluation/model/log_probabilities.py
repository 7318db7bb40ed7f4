"""Log-probabilities of continuations, in batches whose size is bounded by a token budget.

Sequences that begin alike are read together: a row holds a tree of tokens, so that a context is
read once for all its options, and the common part of two contexts once for both. Each token sees
the tokens on its own path from the root and nothing else (a mask says so), and its position is its
depth, as if its sequence stood alone. Log-softmax runs in float32 over the scored positions only.
The results do not depend on how rows were batched (within 1e-5).

On a GPU nothing is waited for before the values are asked for: the host puts batches together while
those before them are computed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alignment_dagster.evaluation.model.batch_arrays import assemble
from alignment_dagster.evaluation.model.hidden_states import (
    ModelInputs,
    ScoredPositions,
    hidden_states,
)
from alignment_dagster.evaluation.model.token_trees import Continuation, TokenTree, build_trees

LOGITS = {"cpu": 2**22, "cuda": 2**28}
"""At most so many numbers of logits are held at once: 16 MiB on the CPU, 1 GiB on a GPU."""
LONGEST_ROW = 1024
"""Tokens of a row of several sequences on a GPU: its attention is dearer than `build_trees` knows,
and its memory grows with their square."""
BATCHES_AT_ONCE = 16
"""An accelerator reads so many times the token budget at once: a small batch leaves it idle."""


def score(
    model: Any,
    continuations: Sequence[Continuation],
    batch_tokens: int,
    report: Callable[[int, int], None] | None = None,
) -> list[float]:
    """Summed log-probability (nats) of each continuation's scored tokens, in the order given.

    Equal sequences are computed once. `report(done, total)` is called after every batch.
    """
    return begin(model, continuations, batch_tokens).values(report)


@dataclass(frozen=True)
class Scoring:
    """Continuations that are being scored: on a GPU all was started, and nobody waits yet."""

    continuations: Sequence[Continuation]
    distinct: int
    """How many of them differ."""
    started: "Iterable[_Started]"

    def values(self, report: Callable[[int, int], None] | None = None) -> list[float]:
        """As `score` gives them; `report(done, total)` is called after every batch."""
        results: dict[Continuation, float] = {}
        for batch in self.started:
            results.update(zip(batch.continuations, batch.sums(), strict=True))
            if report is not None:
                report(len(results), self.distinct)
        return [results[continuation] for continuation in self.continuations]


def begin(model: Any, continuations: Sequence[Continuation], batch_tokens: int) -> Scoring:
    """Start the scoring of continuations; on the CPU it is done when the values are asked for."""
    on_gpu = model.device.type == "cuda"
    longest = LONGEST_ROW if on_gpu else batch_tokens
    batch_tokens *= BATCHES_AT_ONCE if on_gpu else 1
    distinct = list(dict.fromkeys(continuations))
    trees = build_trees(distinct, model.config.hidden_size, longest)
    started = (_start(model, batch) for batch in make_batches(trees, batch_tokens))
    return Scoring(continuations, len(distinct), list(started) if on_gpu else started)


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


@dataclass(frozen=True)
class _Started:
    """A batch that was given to the device, and where its scores arrive."""

    continuations: list[Continuation]
    owners: torch.Tensor
    scores: torch.Tensor
    """Of each scored token, on the host once `arrived`."""
    arrived: torch.cuda.Event | None

    def sums(self) -> list[float]:
        """For all continuations of the batch, row by row."""
        if self.arrived is not None:
            self.arrived.synchronize()
        sums = torch.zeros(len(self.continuations), dtype=torch.float64)
        found: list[float] = sums.index_add(0, self.owners, self.scores.double()).tolist()
        return found


@torch.inference_mode()
def _start(model: Any, batch: Sequence[TokenTree]) -> _Started:
    device = model.device
    arrays = assemble(batch, aligned=device.type == "cuda")
    ids, positions, ends = (_to_device(each, device) for each in arrays.read)
    row, at, slot, wanted = (_to_device(each, device) for each in arrays.scored)
    inputs = ModelInputs(ids, positions, _mask(ends, model.dtype))
    hidden = hidden_states(model, inputs, ScoredPositions(row, at, slot, wanted))
    scores = token_scores(model, hidden, _to_device(arrays.targets, device))
    continuations = [one for tree in batch for one in tree.continuations]
    owners = torch.from_numpy(arrays.owners)
    if device.type != "cuda":
        return _Started(continuations, owners, scores.cpu(), None)
    host = torch.empty(scores.shape, dtype=scores.dtype, pin_memory=True)
    host.copy_(scores, non_blocking=True)
    arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrived.record()
    return _Started(continuations, owners, host, arrived)


def _to_device(array: NDArray[np.int64], device: torch.device) -> torch.Tensor:
    """From pinned memory, so that the host does not wait."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _mask(ends: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What each token sees: 0, and minus infinity for the rest [rows, 1, width, width].

    It sees itself and, of what stands before it in its row, whatever has not ended.
    """
    at = torch.arange(ends.shape[1], device=ends.device)
    seen = (at.unsqueeze(0) <= at.unsqueeze(1)) & (at.view(1, -1, 1) < ends.unsqueeze(1))
    return (
        torch.zeros(seen.shape, dtype=dtype, device=ends.device)
        .masked_fill_(~seen, -torch.inf)
        .unsqueeze(1)
    )


def token_scores(model: Any, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-probability of each target [n] under the hidden states [n, width], in float32.

    The logits are computed some positions at a time, so that they do not fill the memory.
    """
    head = model.get_output_embeddings()
    step = max(LOGITS.get(hidden.device.type, 2**22) // head.out_features, 1)
    found = []
    for at in range(0, len(targets), step):
        logits = head(hidden[at : at + step]).float()
        chosen = logits.gather(-1, targets[at : at + step].unsqueeze(-1)).squeeze(-1)
        found.append(chosen - torch.logsumexp(logits, dim=-1))
    return torch.cat(found)
