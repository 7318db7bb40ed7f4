"""Sharded training: each process holds a part of a large model's matrices and of their moments.

FSDP2 (Zhao et al. 2023, arXiv 2304.11277; `torch.distributed.fsdp.fully_shard`) brings a layer's
weights together while it computes. Where it would add gradients in an order of its own, they are
added here in the order of the ranks, so that the bytes are those of one process.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.fsdp._fully_shard._fsdp_api import ReduceScatter
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from alignment_dagster.training.pretraining.ranks import Ranks

LARGE = 2**26
"""Weights, which with gradients and moments are 1 GiB. A process that can hold a smaller model with
ease is faster with all of it (`bench/ranks.py`); the bytes are the same."""
LANE = 16
"""Numbers. A kernel may round the last ones of a tensor in another way than those that fill its
vectors; a shard of whole rows of such a multiple has no last ones that the matrix has not."""


class Shards:
    """The sharded matrices of a model's layers; what is no layer's stays whole in each process."""

    def __init__(self, model: PreTrainedModel, ranks: Ranks, device: torch.device) -> None:
        """Shard the model in place: its large matrices become DTensors."""
        mesh = init_device_mesh(device.type, (ranks.processes,))
        whole = {one for one in model.parameters() if not _is_shardable(one, ranks.processes)}
        layers = find_layers(model)
        inside = {id(one) for layer in layers for one in layer.parameters()}
        outside = {one for one in model.parameters() if id(one) not in inside}
        self._sums = [OrderedSum() for _ in layers]
        for layer, one in zip(layers, self._sums, strict=True):
            fully_shard(layer, mesh=mesh, ignored_params=whole)
            layer.set_custom_reduce_scatter(one)
        self._root: Any = fully_shard(model.base_model, mesh=mesh, ignored_params=whole | outside)
        for module in (self._root, *layers):
            # The loss is divided by what the whole step predicts.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
        self._parameters = [one for one in model.parameters() if isinstance(one, DTensor)]

    def begin_step(self) -> None:
        """Forget the sums of the step before."""
        for one in self._sums:
            one.total = None

    def begin_part(self, *, empty: bool) -> None:
        """Add what comes to the sums.

        Args:
            empty: whether the gradients that come stand for no sequence, and are taken for zero.
        """
        for one in self._sums:
            one.is_empty = empty
        for parameter in self._parameters:
            # The sum so far is in what comes out of the next one.
            parameter.grad = None

    def add_to_sums(self, *, now: bool) -> None:
        """Whether the next backward pass ends a part."""
        self._root.set_requires_gradient_sync(now)
        self._root.set_is_last_backward(now)


class OrderedSum(ReduceScatter):
    """Sums over ranks, round by round, in the order of the ranks; of each its shard stays here."""

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.is_empty = False

    def allocate(
        self, size: Sequence[int | torch.SymInt], *, dtype: torch.dtype, device: torch.device
    ) -> Tensor:
        """Any memory will do."""
        return torch.empty(*size, dtype=dtype, device=device)

    def __call__(
        self,
        output_tensor: Tensor,
        input_tensor: Tensor,
        group: dist.ProcessGroup,
        op: Any,
        async_op: bool = False,
    ) -> None:
        """Put the sum of this shard into `output_tensor`."""
        if self.is_empty:
            input_tensor.zero_()
        everyone = torch.empty_like(input_tensor)
        dist.all_to_all_single(everyone, input_tensor, group=group)
        first, *others = everyone.view(group.size(), -1)
        if self.total is None:
            output_tensor.copy_(first)
        else:
            torch.add(self.total, first, out=output_tensor)
        for other in others:
            output_tensor += other
        self.total = output_tensor


def shard(model: PreTrainedModel, ranks: Ranks, device: torch.device) -> Shards | None:
    """Shard a large model's layers over the processes; None where each holds all of it."""
    size = sum(one.numel() for one in model.parameters())
    return Shards(model, ranks, device) if ranks.processes > 1 and size >= LARGE else None


def find_layers(model: PreTrainedModel) -> Sequence[Any]:
    """The decoder's layers: the list of modules that holds the most weights."""
    lists = [one for one in model.modules() if isinstance(one, nn.ModuleList)]
    return [*max(lists, key=lambda one: sum(weight.numel() for weight in one.parameters()))]


def gather(tensor: Tensor) -> Tensor:
    """The whole tensor, where it was sharded; all processes ask for it at once."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(tensor: Tensor, other: Tensor) -> Tensor:
    """This process's shard of a whole tensor, where `other` is sharded."""
    if not isinstance(other, DTensor) or isinstance(tensor, DTensor):
        return tensor
    tensor = tensor.to(other.device)
    return distribute_tensor(tensor, other.device_mesh, other.placements, src_data_rank=None)


def _is_shardable(parameter: Tensor, processes: int) -> bool:
    rows, *sizes = parameter.shape
    return bool(sizes) and rows >= processes and parameter[0].numel() % LANE == 0
