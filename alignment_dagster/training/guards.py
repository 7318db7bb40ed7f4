"""Steps that a guard does not let through: a loss or gradient that is no number, or jumps.

Imports no torch: the audit decides again what the trainer decided.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.study.guards import Guard
from alignment_dagster.study.treatments import phase_places
from alignment_dagster.training.step_log import skipped_steps

Fault = Literal["not_finite", "spike"]
Rows = Sequence[Mapping[str, Any]]
"""Of a training log, each with what it was `skipped` for."""
MEASURES = ("loss", "gradient_norm")


@dataclass(frozen=True)
class Measured:
    """What a step gave, before it changes anything."""

    step: int
    steps: int
    """Of the whole training."""
    loss: float
    gradient_norm: float

    def __str__(self) -> str:
        return (
            f"step {self.step} of {self.steps}: the loss is {self.loss:.6g} and the gradient norm "
            f"{self.gradient_norm:.6g}"
        )


def judge(
    measured: Measured, before: Rows, logged: Iterable[Mapping[str, Any]], guard: Guard
) -> Fault | None:
    """Why a step is to be skipped; None where it is to be taken.

    Args:
        before: the steps before that its window may hold (`reach`).
        logged: all steps before; read only where something is wrong.

    Raises:
        AlignmentError: if the guard stops; names the step.
    """
    values = {"loss": measured.loss, "gradient_norm": measured.gradient_norm}
    fault = find_fault(values, before, guard)
    if fault is None:
        return None
    if _reaction(fault, guard) == "stop":
        require_finite(measured)
        raise AlignmentError(
            f"{measured}, more than {guard.deviations:g} standard deviations above the steps "
            "before; training stopped (`pretraining.guard.spike: skip` leaves such steps out)"
        )
    skipped = len(skipped_steps(logged))
    if skipped >= guard.most_skipped:
        raise AlignmentError(
            f"{measured}, and {skipped} steps were skipped before it, as many as "
            "`pretraining.guard.most_skipped` allows; training stopped"
        )
    return fault


def require_finite(measured: Measured) -> None:
    """Refuse a step whose result is no number.

    Raises:
        AlignmentError: names the step.
    """
    if not (math.isfinite(measured.loss) and math.isfinite(measured.gradient_norm)):
        raise AlignmentError(
            f"{measured}; training stopped (a lower learning_rate or a longer warmup_share may "
            "help)"
        )


def find_fault(measured: Mapping[str, Any], before: Rows, guard: Guard) -> Fault | None:
    """What is wrong with a step, by its loss and gradient norm.

    A jump is told as by OLMo-core's `SkipStepOptimizer`: above the mean of the last steps by more
    than so many of their standard deviations. Unlike there, steps that were skipped are none of
    them: a jump would hide the next one.

    Args:
        measured: `loss` and `gradient_norm`; None, as a log has it, is no number.
        before: the steps before whose level is the step's own.
    """
    values = [measured[name] for name in MEASURES]
    if any(one is None or not math.isfinite(one) for one in values):
        return "not_finite"
    if guard.spike is None:
        return None
    seen = [one for one in before[-reach(guard) :] if not one.get("skipped")]
    seen = seen[-guard.window :]
    if len(seen) < guard.window // 2:
        return None
    window = np.array([[one[name] for name in MEASURES] for one in seen], np.float64)
    limits = window.mean(axis=0) + guard.deviations * window.std(axis=0)
    return "spike" if (np.array(values, np.float64) > limits).any() else None


def reach(guard: Guard) -> int:
    """How many steps before one its window may lie in."""
    return guard.window + guard.most_skipped


def window_begins(
    phases: Sequence[float], sequences: int, per_step: int, before: int = 0
) -> tuple[int, ...]:
    """The steps with which the window begins anew: there losses and gradients have another level.

    They are the first step that reads of a phase, and the first that reads of nothing else.

    Args:
        phases: the shares of the mix with which a phase begins, but for the first.
        before: steps that read another mix.
    """
    places = phase_places(phases, sequences)
    firsts = {step for place in places for step in (place // per_step, -(-place // per_step))}
    return tuple(before + 1 + step for step in sorted(firsts))


def of_window(before: Rows, step: int, begins: Iterable[int]) -> Rows:
    """Of the steps before one those since the window last began."""
    begin = max((one for one in begins if one <= step), default=0)
    return [one for one in before if one["step"] >= begin]


def guard_problem(rows: Rows, before: Rows, guard: Guard, begins: Sequence[int] = ()) -> str | None:
    """Why a log is not one that this guard let through; None where it is.

    Args:
        before: the steps before its first, as far as the guard saw them.
        begins: the steps with which the window begins anew.
    """
    seen = list(before)
    for row in rows:
        fault = find_fault(row, of_window(seen[-reach(guard) :], row["step"], begins), guard)
        said = row.get("skipped")
        if said != fault or (fault and _reaction(fault, guard) == "stop"):
            return (
                f"step {row['step']} is recorded as {said or 'taken'}, and by its loss and "
                f"gradient it is {fault or 'none to skip'}"
            )
        seen.append(row)
    if (skipped := len(skipped_steps(seen))) > guard.most_skipped:
        return f"{skipped} steps were skipped, and the guard allows {guard.most_skipped}"
    return None


def _reaction(fault: Fault, guard: Guard) -> str | None:
    return guard.not_finite if fault == "not_finite" else guard.spike
