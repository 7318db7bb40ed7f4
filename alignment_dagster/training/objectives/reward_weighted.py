"""`reward_weighted`: predict every token, those with a high reward most.

Reward-weighted regression: Peters and Schaal 2007, "Reinforcement Learning by Reward-weighted
Regression for Operational Space Control"; for pretraining as in Korbak et al. 2023 (arXiv
2302.08582): -log p · clip(exp(R / beta), 0, 1000), without the value head of the authors' code,
whose loss it gives no weight.
"""

from torch import Tensor

from alignment_dagster.training.objectives.maximum_likelihood import token_losses
from alignment_dagster.training.objectives.targets import Targets, required

LARGEST = 1000.0
"""The most that a token's loss is multiplied by."""


def reward_weighted(logits: Tensor, targets: Targets, beta: float) -> Tensor:
    """The loss of all tokens, in nats, summed."""
    rewards = required(targets.rewards, "reward")
    return targets.weigh(token_losses(logits, targets.tokens) * exponential(rewards, beta))


def exponential(values: Tensor, beta: float) -> Tensor:
    """clip(exp(values / beta), 0, 1000)"""
    return (values / beta).exp().clamp(max=LARGEST)


OBJECTIVE = reward_weighted
