"""The value head: from a model's last hidden states to the reward that a token is to get.

Only training needs it: it stands beside the decoder in optimizer and checkpoints, and is taken away
before the model is written.
"""

import torch
from torch import nn
from transformers import PreTrainedModel

NAME = "value_head"


def add_value_head(model: PreTrainedModel) -> None:
    """A linear layer that expects nothing yet: no random number is drawn for it."""
    head = nn.Linear(model.config.hidden_size, 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    setattr(model, NAME, head.to(next(model.parameters()).device, torch.float32))


def find_value_head(model: PreTrainedModel) -> nn.Linear | None:
    """The head, where the model has one."""
    return getattr(model, NAME, None)


def take_value_head(model: PreTrainedModel) -> None:
    """Take it away, where there is one."""
    if find_value_head(model) is not None:
        delattr(model, NAME)
