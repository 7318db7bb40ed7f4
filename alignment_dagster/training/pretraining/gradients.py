"""The gradients of one batch: computed plainly, or compiled for an accelerator."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedConfig, PreTrainedModel

from alignment_dagster.training.architectures import TESTED
from alignment_dagster.training.objectives import Objective
from alignment_dagster.training.objectives.targets import Targets
from alignment_dagster.training.pretraining.data import Batch
from alignment_dagster.training.pretraining.value_head import find_value_head

CAUSAL = "alignment_causal"
LOGITS = 2**28
"""At most so many logits are held at once where they are computed in parts (512 MiB in bf16)."""
ODD_PARTS = 4
"""A batch of another size than the compiled one is taken in so many parts, uncompiled."""


class Gradients:
    """Adds a batch's gradients to the parameters, as the CPU computes them."""

    def __init__(self, model: PreTrainedModel, objective: Objective, precision: str) -> None:
        self.model = model
        self.objective = objective
        self.precision = precision
        self.value_head = find_value_head(model)
        self.device = next(model.parameters()).device

    def add(self, batch: Batch, divisor: float) -> Tensor:
        """Add the gradients of a batch on the device.

        Args:
            divisor: of the summed loss: the predicted tokens of the whole step.

        Returns:
            The batch's share in the step's mean loss, on the device, not waited for.
        """
        targets = batch.targets
        with self.autocast():
            if self.value_head is None:
                logits = self.model(**batch.inputs(), use_cache=False).logits
            else:
                states = self.read(batch)
                logits = self.model.get_output_embeddings()(states)
                targets = replace(targets, values=self.value_head(states).squeeze(-1))
        loss = self.objective(logits, targets) / divisor
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def read(self, batch: Batch) -> Tensor:
        """The last hidden states [sequences, length, width]."""
        states: Tensor = self.model.base_model(**batch.inputs(), use_cache=False).last_hidden_state
        return states

    def autocast(self) -> torch.autocast:
        """The precision of the forward pass; weights and their gradients stay float32."""
        return torch.autocast(self.device.type, torch.bfloat16, self.precision == "bf16")


class CompiledGradients(Gradients):
    """The same, with layers and loss compiled, and the logits computed in parts.

    Layers are alike: one is compiled and serves for all, which is warm sooner than a decoder
    compiled as a whole, and was faster. The loss is a sum over sequences, so some sequences' logits
    are computed, used for their gradients, and forgotten before the next ones': a large vocabulary
    does not set the peak memory.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        objective: Objective,
        precision: str,
        shape: tuple[int, int],
        backend: str | Callable[..., Any] = "inductor",
    ) -> None:
        """Nothing is compiled before the first batch.

        Args:
            shape: sequences and length of the batches that are compiled for.
            backend: of `torch.compile`.
        """
        super().__init__(model, objective, precision)
        self.shape = shape
        self.rows = rows_at_once(*shape, model.config.vocab_size)
        AttentionInterface.register(CAUSAL, causal_attention)
        # No mask that transformers would make: one rules the fast kernels out.
        model.set_attn_implementation(CAUSAL)
        _repeat_kernels()
        for layer in model.base_model.layers:
            layer.compile(dynamic=False, backend=backend)
        self.compute_loss = torch.compile(_loss, dynamic=False, backend=backend)

    def add(self, batch: Batch, divisor: float) -> Tensor:
        """As above; a batch of another shape is computed without being compiled for."""
        if tuple(batch.tokens.shape) == self.shape:
            return self._add(batch, divisor)
        size = max(1, self.shape[0] // ODD_PARTS)
        with torch.compiler.set_stance("force_eager"):
            losses = [
                self._add(batch.rows(slice(at, at + size)), divisor)
                for at in range(0, len(batch.tokens), size)
            ]
        return torch.stack(losses).sum()

    def _add(self, batch: Batch, divisor: float) -> Tensor:
        with self.autocast():
            hidden: Any = self.read(batch)
        head = self.model.get_output_embeddings().weight
        total = torch.zeros((), device=self.device)
        found = []
        for at in range(0, len(hidden), self.rows):
            part = slice(at, at + self.rows)
            leaf = hidden[part].detach().requires_grad_()
            targets = batch.rows(part).targets
            with self.autocast():
                total_loss = self.compute_loss(self.objective, leaf, head, targets, self.value_head)
                loss = total_loss / divisor
            loss.backward()  # type: ignore[no-untyped-call]
            found.append(leaf.grad)
            total += loss.detach()
        hidden.backward(torch.cat(found))
        return total


def can_compile(config: PreTrainedConfig, length: int) -> bool:
    """Whether `CompiledGradients` takes such a model: each position sees all before it."""
    window = getattr(config, "sliding_window", None) or length
    return config.model_type in TESTED and window >= length


def rows_at_once(rows: int, length: int, vocabulary: int) -> int:
    """Sequences whose logits are held at once: a divisor of `rows`, so that all parts are alike."""
    most = max(1, LOGITS // (length * vocabulary))
    return max(part for part in range(1, rows + 1) if rows % part == 0 and part <= most)


def causal_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Each position sees itself and those before it, or of these what a mask says.

    Shapes [sequences, heads, length, size]; the result [sequences, length, heads, size]. Some query
    heads may share a key head.
    """
    seen = functional.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=attention_mask,
        is_causal=attention_mask is None,
        scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return seen.transpose(1, 2), None


def _repeat_kernels() -> None:
    """Let the compiler choose no kernel by its time where the same bytes are wanted.

    Which one is the fastest changes from start to start, and the order of its sums with it.
    """
    from torch._inductor import config  # imported here for weight

    if torch.are_deterministic_algorithms_enabled() and hasattr(config, "deterministic"):
        config.deterministic = True


def _loss(
    objective: Objective,
    states: Tensor,
    head: Tensor,
    targets: Targets,
    value_head: nn.Linear | None,
) -> Tensor:
    if value_head is not None:
        targets = replace(targets, values=value_head(states).squeeze(-1))
    return objective(functional.linear(states, head), targets)
