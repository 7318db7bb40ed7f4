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
        final = declared.final_rate
        angle = math.pi * (step - warmup) / (steps - warmup)
        share = final + (1 - final) * 0.5 * (1 + math.cos(angle))
    else:
        decay = math.ceil(declared.decay_share * steps)
        share = min(1.0, (steps + 1 - step) / (decay + 1))
    return declared.learning_rate * share
