"""`maximum_likelihood`: predict every token from those before it."""

import torch
from torch import Tensor
from torch.nn import functional

IGNORED = -100


def maximum_likelihood(logits: Tensor, tokens: Tensor) -> Tensor:
    """The negative log-likelihood of each token given those before it, in nats, summed."""
    # Masking the last position is cheaper than cutting it off, which would copy all the logits.
    nothing = tokens.new_full((tokens.shape[0], 1), IGNORED)
    following = torch.cat([tokens[:, 1:], nothing], dim=1)
    predictions = logits.flatten(0, 1).to(torch.float32)
    return functional.cross_entropy(
        predictions, following.flatten(), ignore_index=IGNORED, reduction="sum"
    )


OBJECTIVE = maximum_likelihood
