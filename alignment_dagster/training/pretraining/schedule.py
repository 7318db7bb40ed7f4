"""The learning rate of every optimizer step."""

import math

from alignment_dagster.study import Pretraining


def learning_rate(step: int, steps: int, declared: Pretraining) -> float:
    """The rate of optimizer step `step` (1-based) of `steps`.

    Both schedules rise in a straight line over the first `warmup_share` of the steps. `cosine`
    then falls along half a cosine to `final_rate` of the highest rate, reached in the last step;
    `wsd` (warm-up, stable, decay) stays, and falls in a straight line over the last `decay_share`
    so that it would be zero one step after the last.
    """
    warmup = math.ceil(declared.warmup_share * steps)
    if step <= warmup:
        return declared.learning_rate * step / warmup
    if declared.schedule == "cosine":
        return declared.learning_rate * _cosine(step - warmup, steps - warmup, declared.final_rate)
    return declared.learning_rate * _decay(step, steps, declared.decay_share)


def _cosine(step: int, steps: int, final: float) -> float:
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _decay(step: int, steps: int, share: float) -> float:
    decay = math.ceil(share * steps)
    return min(1.0, (steps + 1 - step) / (decay + 1))
