"""The training loop's one step: forward, backward, clip, update, and the record of it."""

import math
from collections import deque
from collections.abc import Sequence
from itertools import chain, groupby

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from alignment_dagster.study import Model, Pretraining
from alignment_dagster.study.guards import Guard
from alignment_dagster.study.objectives import AdvantageWeighted
from alignment_dagster.study.objectives import Objective as RecipeObjective
from alignment_dagster.training.guards import (
    Fault,
    Measured,
    judge,
    of_window,
    reach,
    require_finite,
    window_begins,
)
from alignment_dagster.training.objectives import load_objective
from alignment_dagster.training.pretraining.data import (
    Batch,
    PackedMix,
    consumption_order,
    rows_of_step,
    step_count,
)
from alignment_dagster.training.pretraining.gradients import (
    CompiledGradients,
    Gradients,
    can_compile,
)
from alignment_dagster.training.pretraining.ranks import ALONE, Part, Ranks
from alignment_dagster.training.pretraining.schedule import learning_rate
from alignment_dagster.training.pretraining.shards import gather, shard
from alignment_dagster.training.pretraining.size_transfer import clip_gradients, find_scale
from alignment_dagster.training.pretraining.training_state import TrainingState
from alignment_dagster.training.pretraining.unread import Unread
from alignment_dagster.training.pretraining.value_head import add_value_head
from alignment_dagster.training.step_log import GUARDED_SCHEMA, LogRow


class Loop:
    """Trains a model on packed sequences, one optimizer step a call.

    On an accelerator nothing waits inside a step: its loss and norm are read one step later, while
    the device computes, and what it consumed is entered in the ledger meanwhile. A declared guard
    waits for them before it lets a step change anything.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        mix: PackedMix,
        declared: Pretraining,
        seed: int,
        ranks: Ranks = ALONE,
        objective: RecipeObjective | None = None,
        before: int = 0,
        last: int | None = None,
        schedule_begin: int = 0,
        phases: Sequence[float] = (),
        size: Model | None = None,
    ) -> None:
        """Nothing is trained yet.

        Args:
            objective: the recipe's, where it has one of its own.
            before: steps that read another mix; the next one reads the first sequences of this.
            last: the step to end after; None for the end of the mix.
            schedule_begin: the step after which the learning rate's schedule begins.
            phases: the shares of the mix at which its treatments change.
            size: the declared model, whose rates and clipping may follow its size.
        """
        self.model = model
        self.mix = mix
        self.declared = declared
        self.ranks, self.size = ranks, size
        self.device = next(model.parameters()).device
        self.order = consumption_order(len(mix.tokens), seed, phases)
        self.per_step = declared.sequences_a_step
        self.before, self.schedule_begin = before, schedule_begin
        self.steps = before + step_count(len(mix.tokens), self.per_step)
        self.last = last or self.steps
        if isinstance(objective, AdvantageWeighted):
            add_value_head(model)
        self.guard = declared.guard or Guard()
        self.window_begins = window_begins(phases, len(mix.tokens), self.per_step, before)
        self.shards = shard(model, ranks, self.device)
        self.state = TrainingState(model, optimizer(model, declared, size))
        if self.guard.skips:
            self.state.log_schema = GUARDED_SCHEMA
        self.gradients = self._gradients(objective)
        self.unread: deque[Unread] = deque()
        model.train()

    def _gradients(self, own: RecipeObjective | None) -> Gradients:
        objective = (
            load_objective(self.declared.objective)
            if own is None
            else load_objective(own.kind, own.parameters)
        )
        precision, length = self.declared.precision, self.mix.tokens.shape[1]
        if self.device.type != "cuda" or not can_compile(self.model.config, length):
            return Gradients(self.model, objective, precision)
        rows = min(self.declared.batch_size, -(-self.per_step // self.ranks.count))
        shape = (rows, length)
        return CompiledGradients(self.model, objective, precision, shape)

    @property
    def waits(self) -> bool:
        """Whether a step is looked at before it changes anything."""
        return self.device.type == "cpu" or self.declared.guard is not None

    @property
    def done(self) -> bool:
        """Whether the last step has been taken: every sequence is consumed, but in a trunk."""
        return self.state.step >= self.last

    def step(self) -> None:
        """Take the next optimizer step and record it.

        Raises:
            AlignmentError: if a loss or gradient is not finite, which on an accelerator without a
                guard is found one step later, or the guard stops; names the step.
        """
        number = self.state.step + 1
        rows = rows_of_step(self.order, number - self.before, self.per_step)
        batch = self.mix.batch(rows)
        begin = self.schedule_begin
        rate = learning_rate(number - begin, self.steps - begin, self.declared)
        values = self._add_gradients(batch)
        skipped = self._judge(number, values) if self.waits else None
        if skipped is None:
            self._update(rate)
        self.state.optimizer.zero_grad()
        self.state.ledger.add(rows.tolist(), batch.tokens.numpy(), self.mix.said_of(rows))
        self.unread.append(Unread.of(number, self.state.ledger.tokens, rate, values, skipped))
        self.read(behind=0 if self.waits else 1)

    def read(self, behind: int = 0) -> None:
        """Enter in the log what the steps gave, all but the last `behind` of them.

        Raises:
            AlignmentError: if a loss or gradient is not finite; names the step.
        """
        while len(self.unread) > behind:
            step = self.unread.popleft()
            loss, norm = step.wait()
            if step.skipped is None:
                require_finite(Measured(step.number, self.steps, loss, norm))
            row: LogRow = {
                "step": step.number,
                "tokens": step.tokens,
                "loss": loss if math.isfinite(loss) else None,
                "learning_rate": step.rate,
                "gradient_norm": norm if math.isfinite(norm) else None,
            }
            if self.guard.skips:
                row["skipped"] = step.skipped
            self.state.log.append(row)

    def whole_weights(self) -> dict[str, Tensor]:
        """The model's state dict, unsharded; all processes ask for it at once, and one gets it."""
        together = ((name, gather(value)) for name, value in self.model.state_dict().items())
        return {name: value for name, value in together if self.ranks.leads}

    def _add_gradients(self, batch: Batch) -> Tensor:
        """Loss and norm of the gradient before it is clipped [2], on the device."""
        loss = self._accumulate(batch)
        norm = clip_gradients(self.model, self.size, self.declared.gradient_clip)
        return torch.stack([loss, norm])

    def _update(self, rate: float) -> None:
        for group in self.state.optimizer.param_groups:
            group["lr"] = rate * group["rate_scale"]
        self.state.optimizer.step()

    def _judge(self, number: int, values: Tensor) -> Fault | None:
        """Why a step is to be skipped; None where it is to be taken."""
        before, own, most = self.state.log_before, self.state.log, reach(self.guard)
        last = [*before[-most:], *own[-most:]][-most:]
        loss, norm = values.tolist()
        return judge(
            Measured(number, self.steps, loss, norm),
            of_window(last, number, self.window_begins),
            chain(before, own),
            self.guard,
        )

    def _accumulate(self, batch: Batch) -> Tensor:
        """Gradients of the mean loss over all predicted tokens; returns that mean."""
        predicted = max(1, batch.predicted)
        if self.ranks.count == 1:
            return self._backward(batch, self.ranks.parts(len(batch.tokens))[0], predicted)
        if self.shards is not None:
            self.shards.begin_step()
        whole = [one for one in self.model.parameters() if not isinstance(one, DTensor)]
        losses, gradients = [], []
        for part in self.ranks.parts(len(batch.tokens)):
            losses.append(self._backward(batch, part, predicted))
            gradients.append([_take_gradient(one, empty=not part.size) for one in whole])
        for own, parameter in zip(zip(*gradients, strict=True), whole, strict=True):
            parameter.grad = self.ranks.total(own)
        return self.ranks.total(losses)

    def _backward(self, batch: Batch, part: Part, predicted: int) -> Tensor:
        """Add the gradients of a part's share in the mean loss; returns that share."""
        size, total = self.declared.batch_size, torch.zeros((), device=self.device)
        ends = (part.own.start, part.own.stop)
        passes = [
            (batch.rows(slice(at, min(at + size, ends[1]))), float(predicted))
            for at in range(*ends, size)
        ]
        if self.shards is not None:
            self.shards.begin_part(empty=not passes)
            # All processes compute a sharded layer at once: who has fewer sequences, for naught.
            missing = max(1, -(-part.longest // size)) - len(passes)
            passes = [(batch.rows(slice(1)), math.inf)] * missing + passes
        for number, (rows, divisor) in enumerate(passes, 1):
            if self.shards is not None:
                self.shards.add_to_sums(now=number == len(passes))
            total += self.gradients.add(rows.each(self._on_device), divisor)
        return total

    def _on_device(self, values: Tensor) -> Tensor:
        """From pinned memory, so that nobody waits for the copy."""
        if self.device.type != "cuda":
            return values.to(self.device)
        return values.pin_memory().to(self.device, non_blocking=True)


def _take_gradient(parameter: nn.Parameter, *, empty: bool) -> Tensor:
    """The gradient, taken away from the parameter; zero where no sequence gave one."""
    gradient, parameter.grad = parameter.grad, None
    return torch.zeros_like(parameter) if empty or gradient is None else gradient


def optimizer(
    model: nn.Module, declared: Pretraining, size: Model | None = None
) -> torch.optim.AdamW:
    """AdamW with decoupled weight decay on matrices only, not on norms and biases.

    Matrices come first: by their places checkpoints name the optimizer's state.
    """
    in_order = sorted(model.named_parameters(), key=lambda named: named[1].dim() < 2)

    def setting(named: tuple[str, nn.Parameter]) -> tuple[float, float, bool]:
        rate = find_scale(named[0], named[1].dim(), size).rate
        decay = declared.weight_decay / rate if named[1].dim() >= 2 else 0.0
        return rate, decay, isinstance(named[1], DTensor)

    groups = [
        {"params": [one for _, one in alike], "rate_scale": rate, "weight_decay": decay}
        for (rate, decay, _), alike in groupby(in_order, setting)
    ]
    return torch.optim.AdamW(
        groups, lr=declared.learning_rate, betas=(declared.beta1, declared.beta2), fused=True
    )
