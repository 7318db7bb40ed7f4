"""`maximum_likelihood`: predict every token from those before it."""

import torch
from torch import Tensor
from torch.nn import functional

from alignment_dagster.training.objectives.targets import IGNORED, Targets


def maximum_likelihood(logits: Tensor, targets: Targets) -> Tensor:
    """The negative log-likelihood of each token given those before it, in nats, summed."""
    if targets.weights is not None:
        return targets.weigh(token_losses(logits, targets.tokens))
    return functional.cross_entropy(
        logits.flatten(0, 1).to(torch.float32),
        targets.tokens.flatten(),
        ignore_index=IGNORED,
        reduction="sum",
    )


def token_losses(logits: Tensor, tokens: Tensor) -> Tensor:
    """-log p of each token, in nats [sequences, length]; 0 where it is ignored."""
    losses = functional.cross_entropy(
        logits.flatten(0, 1).to(torch.float32),
        tokens.flatten(),
        ignore_index=IGNORED,
        reduction="none",
    )
    return losses.view(tokens.shape)


OBJECTIVE = maximum_likelihood
