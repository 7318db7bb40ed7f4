"""Low-rank adapters on all linear layers of a model (Hu et al. 2021), with peft.

The update of a weight matrix is B·A·(alpha / rank); alpha is twice the rank, nothing is dropped
out. Embedding and output, which share their weights, stay as they are.
"""

import copy
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

ALPHA_OVER_RANK = 2


def add_adapters(model: PreTrainedModel, rank: int, seed: int) -> PeftModel:
    """The model with fresh adapters; its own weights are frozen.

    B is zero, so that nothing has changed yet; A is drawn from `seed` alone.
    """
    config = LoraConfig(
        r=rank,
        lora_alpha=ALPHA_OVER_RANK * rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def merge_adapters(model: Any) -> Any:
    """A copy of the model with the adapters added to its weights; a model without any as it is.

    A copy, because taking the adapters out again would leave rounding errors in the weights.
    """
    if not isinstance(model, PeftModel):
        return model
    return copy.deepcopy(model).merge_and_unload()
