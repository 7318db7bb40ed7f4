"""`advantage_weighted`: predict every token, those with more reward than was expected most.

Advantage-weighted regression: Peng et al. 2019 (arXiv 1910.00177); for pretraining as in Korbak et
al. 2023 (arXiv 2302.08582): alpha · -log p · clip(exp(A / beta), 0, 1000) + (1 - alpha) · (R - V)²,
where the value head's V expects the reward R, and A = R - V is the advantage. No gradient flows
through A.
"""

from torch import Tensor

from alignment_dagster.training.objectives.maximum_likelihood import token_losses
from alignment_dagster.training.objectives.reward_weighted import exponential
from alignment_dagster.training.objectives.targets import IGNORED, Targets, required


def advantage_weighted(logits: Tensor, targets: Targets, alpha: float, beta: float) -> Tensor:
    """The loss of all tokens, summed."""
    rewards = required(targets.rewards, "reward")
    values = required(targets.values, "value").to(rewards.dtype)
    weights = exponential(rewards - values.detach(), beta)
    policy = token_losses(logits, targets.tokens) * weights
    value = (rewards - values).square().masked_fill(targets.tokens == IGNORED, 0.0)
    return targets.weigh(alpha * policy + (1 - alpha) * value)


OBJECTIVE = advantage_weighted
