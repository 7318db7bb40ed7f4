"""The learning rate of every optimizer step."""

import math

from alignment_dagster.study import Pretraining


def learning_rate(step: int, steps: int, declared: Pretraining) -> float:
    """The rate of optimizer step `step` (1-based) of `steps`.

    Every schedule rises in a straight line over the first `warmup_share` of the steps. `cosine`
    (Loshchilov and Hutter 2016, arXiv 1608.03983, without restarts) and `linear` then fall, along
    half a cosine or in a straight line, to `final_rate` of the highest rate, reached in the last
    step. `constant` stays. `wsd` (warm-up, stable, decay; Hu et al. 2024, arXiv 2404.06395) stays,
    and falls in a straight line over the last `decay_share` so that it would be zero one step
    after the last.
    """
    warmup = math.ceil(declared.warmup_share * steps)
    if step <= warmup:
        return declared.learning_rate * step / warmup
    if declared.schedule == "constant":
        share = 1.0
    elif declared.schedule == "cosine":
        final = declared.final_rate
        angle = math.pi * (step - warmup) / (steps - warmup)
        share = final + (1 - final) * 0.5 * (1 + math.cos(angle))
    elif declared.schedule == "linear":
        final = declared.final_rate
        share = final + (1 - final) * (steps - step) / (steps - warmup)
    else:
        decay = math.ceil(declared.decay_share * steps)
        share = min(1.0, (steps + 1 - step) / (decay + 1))
    return declared.learning_rate * share
