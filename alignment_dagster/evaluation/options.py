"""How options are compared, and how much an answer counts: whole, or in part where options tie."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

TIE = 1e-9
"""Options this near (in nats) are equally likely: the mean of equal numbers is rounded by less."""
TIE_RULE = "where k options are equally likely, the counted one among them, 1/k of a hit counts"


def option_values(
    log_probabilities: Sequence[float], tokens: Sequence[int], by_token: bool
) -> list[float]:
    """What options are compared by: the mean log-probability per token, or the sum (nats)."""
    return [
        value / count if by_token else value
        for value, count in zip(log_probabilities, tokens, strict=True)
    ]


def hit_share(values: Sequence[float], target: int) -> float:
    """1 where the counted option alone is the likeliest, 1/k where k options are, else 0.

    So a model to which all options are equally likely has the rate of chance.

    Args:
        values: what options are compared by.
        target: index of the counted option.
    """
    best = max(values)
    likeliest = [best - value <= TIE for value in values]
    return likeliest[target] / sum(likeliest)


def count_ties(answers: pa.Table) -> int:
    """Answers (with a column `hit`) in which the counted option ties with another one."""
    hits = pc.cast(answers["hit"], pa.float64())
    return pc.sum(pc.and_(pc.greater(hits, 0), pc.less(hits, 1))).as_py() or 0
