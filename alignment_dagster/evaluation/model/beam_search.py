"""Answers written by beams, also so that a tag is unlikely: SafeBeam (Maini et al. 2025, arXiv
2504.16980).

Beam search over the summed log-probabilities of what is written: the best continuations, as many
as there are beams, go on. Where a tag is avoided, the half of the beams after which it has the
highest probability is dropped before each token; those left are continued. What ends is set aside.
Once as many have ended as there are beams, or there is no room for more, the answer is the one with
the highest mean log-probability a token, that which ends it counted.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from alignment_dagster.evaluation.model.control_tokens import BeamSearch
from alignment_dagster.foundation.errors import DataError

Beam = tuple[float, list[int]]
"""The summed log-probability of what is written, and its token ids."""


@torch.inference_mode()
def write_by_beams(
    model: Any,
    prompt: Sequence[int],
    max_new_tokens: int,
    ends: Sequence[int],
    unwritten: Sequence[int],
    search: BeamSearch,
) -> list[int]:
    """The new token ids of an answer, up to (not with) the one that ends it.

    Args:
        prompt: token ids, read alone.
        ends: tokens that end an answer.
        unwritten: tokens that are never written.

    Raises:
        DataError: if the model's logits are not finite.
    """
    device = model.device
    cache = DynamicCache(config=model.config)
    avoided = [] if search.avoided is None else [search.avoided]
    barred = torch.tensor([*unwritten, *avoided], dtype=torch.long, device=device)
    read = torch.tensor([list(prompt)], device=device)
    beams: list[Beam] = [(0.0, [])]
    ended: list[Beam] = []
    while True:
        found = model(input_ids=read, past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits = found.logits[:, -1].float()
        if not bool(torch.isfinite(logits).all()):
            raise DataError("the model's logits are not finite: the checkpoint is broken")
        logarithms = logits.log_softmax(dim=-1)
        kept = torch.arange(len(beams), device=device)
        if search.avoided is not None:
            kept = _drop_half(logarithms[:, search.avoided])
        sums = torch.tensor([beams[row][0] for row in kept.tolist()], device=device)
        continued = logarithms[kept].index_fill(1, barred, -torch.inf) + sums.unsqueeze(1)
        best = continued.flatten().topk(min(search.beams, continued.numel()))
        rows, tokens = kept[best.indices // logits.shape[1]], best.indices % logits.shape[1]
        living, alive = list[Beam](), list[int]()
        for value, row, token in zip(
            best.values.tolist(), rows.tolist(), tokens.tolist(), strict=True
        ):
            if token in ends:
                ended.append((value / (len(beams[row][1]) + 1), beams[row][1]))
            elif value > -torch.inf:
                living.append((value, [*beams[row][1], token]))
                alive.append(row)
        full = bool(living) and len(living[0][1]) == max_new_tokens
        if full or not living or len(ended) >= search.beams:
            ended += [(value / max_new_tokens, written) for value, written in living if full]
            return max(ended, key=lambda one: one[0])[1] if ended else []
        beams = living
        cache.reorder_cache(torch.tensor(alive, device=device))
        read = torch.tensor([[written[-1]] for _, written in beams], device=device)


def _drop_half(likely: Tensor) -> Tensor:
    """The beams that are left [kept], in their order: of an odd number the larger half.

    Args:
        likely: the log-probability of the tag after each beam [beams].
    """
    order = torch.argsort(likely, stable=True)
    return order[: len(likely) - len(likely) // 2].sort().values
