"""What a model is trained to do: losses over the tokens of a batch.

An objective returns the *sum* over the predicted tokens, so that the parts of an accumulated batch
add up exactly; the loop divides by the number of predicted tokens of the whole step.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

IGNORED = -100

Objective = Callable[[Tensor, Tensor], Tensor]
"""(logits [sequences, length, vocabulary], tokens [sequences, length]) → sum of the loss."""


def maximum_likelihood(logits: Tensor, tokens: Tensor) -> Tensor:
    """The negative log-likelihood of each token given those before it, in nats, summed."""
    # Masking the last position is cheaper than cutting it off, which would copy all the logits.
    nothing = tokens.new_full((tokens.shape[0], 1), IGNORED)
    following = torch.cat([tokens[:, 1:], nothing], dim=1)
    predictions = logits.flatten(0, 1).to(torch.float32)
    return functional.cross_entropy(
        predictions, following.flatten(), ignore_index=IGNORED, reduction="sum"
    )


def predicted_tokens(tokens: Tensor) -> int:
    """How many tokens of [sequences, length] are predicted: all but the first of each sequence."""
    return tokens.shape[0] * (tokens.shape[1] - 1)
