"""The training loop's one step: forward, backward, clip, update, and the record of it."""

import math

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.study import Pretraining
from alignment_dagster.training.objectives import load_objective
from alignment_dagster.training.pretraining.checkpoint import TrainingState
from alignment_dagster.training.pretraining.data import (
    Sequences,
    consumption_order,
    rows_of_step,
    step_count,
)
from alignment_dagster.training.pretraining.ranks import ALONE, Ranks
from alignment_dagster.training.pretraining.schedule import learning_rate


class Loop:
    """Trains a model on packed sequences, one optimizer step a call."""

    def __init__(
        self,
        model: PreTrainedModel,
        sequences: Sequences,
        declared: Pretraining,
        seed: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self.model = model
        self.sequences = sequences
        self.declared = declared
        self.ranks = ranks
        self.objective = load_objective(declared.objective)
        self.device = next(model.parameters()).device
        self.order = consumption_order(len(sequences), seed)
        self.per_step = declared.batch_size * declared.accumulation
        self.steps = step_count(len(sequences), self.per_step)
        self.state = TrainingState(model, optimizer(model, declared))
        model.train()

    @property
    def done(self) -> bool:
        """Whether every sequence has been consumed."""
        return self.state.step >= self.steps

    def step(self) -> None:
        """Take the next optimizer step and record it.

        Raises:
            AlignmentError: if the loss or the gradient is not finite; names the step.
        """
        number = self.state.step + 1
        rows = rows_of_step(self.order, number, self.per_step)
        tokens = torch.from_numpy(self.sequences[rows].astype("int64"))
        rate = learning_rate(number, self.steps, self.declared)
        loss, norm = self._update(tokens, rate)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise AlignmentError(
                f"step {number} of {self.steps}: the loss is {loss} and the gradient norm {norm}; "
                "training stopped (a lower learning_rate or a longer warmup_share may help)"
            )
        self.state.ledger.add(rows.tolist(), tokens.numpy())
        self.state.log.append(
            {
                "step": number,
                "tokens": self.state.ledger.tokens,
                "loss": loss,
                "learning_rate": rate,
                "gradient_norm": norm,
            }
        )

    def _update(self, tokens: Tensor, rate: float) -> tuple[float, float]:
        loss = self._accumulate(tokens)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.declared.gradient_clip)
        for group in self.state.optimizer.param_groups:
            group["lr"] = rate
        self.state.optimizer.step()
        self.state.optimizer.zero_grad()
        return loss.item(), norm.item()

    def _accumulate(self, tokens: Tensor) -> Tensor:
        """Gradients of the mean loss over all predicted tokens; returns that mean."""
        predicted = tokens.shape[0] * (tokens.shape[1] - 1)
        if self.ranks.count == 1:
            return self._backward(tokens, predicted)
        losses, gradients = [], []
        for part in self.ranks.parts(tokens):
            losses.append(self._backward(part, predicted))
            gradients.append([_take_gradient(one) for one in self.model.parameters()])
        for own, parameter in zip(
            zip(*gradients, strict=True), self.model.parameters(), strict=True
        ):
            parameter.grad = self.ranks.total(own)
        return self.ranks.total(losses)

    def _backward(self, tokens: Tensor, predicted: int) -> Tensor:
        """Add the gradients of some sequences' share in the mean loss; returns that share."""
        total = torch.zeros((), device=self.device)
        for part in torch.split(tokens, self.declared.batch_size) if len(tokens) else ():
            on_device = part.to(self.device)
            with torch.autocast(
                self.device.type, torch.bfloat16, self.declared.precision == "bf16"
            ):
                logits = self.model(input_ids=on_device, use_cache=False).logits
            loss = self.objective(logits, on_device) / predicted
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total


def _take_gradient(parameter: nn.Parameter) -> Tensor:
    """The gradient, taken away from the parameter; zero where no sequence gave one."""
    gradient, parameter.grad = parameter.grad, None
    return torch.zeros_like(parameter) if gradient is None else gradient


def optimizer(model: nn.Module, declared: Pretraining) -> torch.optim.AdamW:
    """AdamW with decoupled weight decay on matrices only, not on norms and biases."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": declared.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=declared.learning_rate, betas=(declared.beta1, declared.beta2), fused=True
    )
