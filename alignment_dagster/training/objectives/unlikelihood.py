"""`unlikelihood`: predict the learned tokens, and make the unlearned ones unlikely.

Welleck et al. 2020, "Neural Text Generation with Unlikelihood Training" (arXiv 1908.04319), as used
for pretraining by Korbak et al. 2023 (arXiv 2302.08582): -log p of a learned token, and
-alpha · log(1 - p) of an unlearned one.
"""

import torch
from torch import Tensor

from alignment_dagster.training.objectives.maximum_likelihood import token_losses
from alignment_dagster.training.objectives.targets import IGNORED, Targets, required


def unlikelihood(logits: Tensor, targets: Targets, alpha: float) -> Tensor:
    """The loss of all tokens, in nats, summed.

    log(1 - p) is the share of all other tokens, computed from their logits: it stays a number, and
    keeps its gradient, where p is one.
    """
    unlearned = required(targets.unlearned, "treatment")
    scores = logits.to(torch.float32)
    own = targets.tokens.masked_fill(targets.tokens == IGNORED, 0).unsqueeze(-1)
    others = scores.scatter(-1, own, -torch.inf).logsumexp(-1)
    unlikely = alpha * (scores.logsumexp(-1) - others)
    unlikely = unlikely.masked_fill(targets.tokens == IGNORED, 0.0)
    return targets.weigh(torch.where(unlearned, unlikely, token_losses(logits, targets.tokens)))


OBJECTIVE = unlikelihood
