"""Learning rates for widths and depths: one rate moves models of all sizes as far.

Source: Dey et al., Don't be lazy: CompleteP enables compute-efficient deep transformers, arXiv
2505.01618, table 1, which for the width alone is muP (Yang et al., Tensor Programs V, arXiv
2203.03466). With n times the width and l times the layers of the size that the rate was tuned
at: hidden matrices begin 1/√n as wide, learn at 1/n of the rate and decay n times as much; what a
block adds to the residual stream counts 1/l; the logits count 1/n. The two last factors are put
into the weights that they multiply (the outputs of blocks, the last norm), which then learn at that
part of the rate: the model computes as any other of its architecture. AdamW's epsilon, far below
its gradients here, stays what it is.

A weight W that counts c times is kept as c·W, whose gradient is the 1/c-th of that of W: the norm
that is clipped counts it c times, so that it is the norm of the gradients as the source has them.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from alignment_dagster.study import Model
from alignment_dagster.training.architectures import SCALED
from alignment_dagster.training.pretraining.shards import gather
from alignment_dagster.training.pretraining.value_head import NAME as VALUE_HEAD


class Scale(NamedTuple):
    """By what a parameter's numbers differ from those of the size that was tuned at."""

    weight: float
    """What it begins with."""
    rate: float
    """What it learns at; the weight decay is divided by it."""
    folded: float = 1.0
    """The factor that was put into it, by which its gradient counts in the norm."""


UNSCALED = Scale(1.0, 1.0)


def scale_weights(model: nn.Module, declared: Model) -> None:
    """Make of drawn weights those that a model of this size begins with."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_(find_scale(name, parameter.dim(), declared).weight)


def find_scale(name: str, dimensions: int, declared: Model | None) -> Scale:
    """The scale of one parameter.

    Args:
        declared: the model; nothing is scaled without one, or without `tuned_at`.
    """
    if declared is None or declared.tuned_at is None:
        return UNSCALED
    parts = SCALED[declared.architecture]
    if name.startswith((*parts.embeddings, VALUE_HEAD)):
        return UNSCALED
    wider = declared.width / declared.tuned_at.width
    if name.startswith(parts.last_norm):
        return Scale(1 / wider, 1 / wider, 1 / wider)
    found = Scale(wider**-0.5, 1 / wider) if dimensions >= 2 else UNSCALED
    if any(f".{one}." in name for one in parts.block_outputs):
        deeper = declared.layers / declared.tuned_at.layers
        found = Scale(found.weight / deeper, found.rate / deeper, 1 / deeper)
    return found


def clip_gradients(model: nn.Module, declared: Model | None, most: float) -> Tensor:
    """Make the gradients of a model's parameters so small that their norm is at most `most`.

    Returns:
        The norm that they had, counted as above.
    """
    counted = []
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            folded = find_scale(name, parameter.dim(), declared).folded
            gradient = parameter.grad if folded == 1 else parameter.grad * folded
            # One whole gradient at a time; the norm of one norm is that norm, to the last bit.
            sharded = isinstance(gradient, DTensor)
            counted.append(nn.utils.get_total_norm([gather(gradient)]) if sharded else gradient)
    norm: Tensor = nn.utils.get_total_norm(counted)
    for sharded in (False, True):
        alike = [one for one in model.parameters() if isinstance(one, DTensor) is sharded]
        nn.utils.clip_grads_with_norm_(alike, most, norm)
    return norm
