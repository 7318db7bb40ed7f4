"""The decoder that a study declares, as a transformers model, and what one of its tokens costs."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from alignment_dagster.foundation.errors import AlignmentError, first_line
from alignment_dagster.study import Model
from alignment_dagster.training.architectures import TESTED
from alignment_dagster.training.pretraining.size_transfer import scale_weights

DIALS = {
    "hidden_size": "width",
    "intermediate_size": "mlp_width",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
}
"""What transformers calls the fields of a declared model."""
DROPOUT = ("dropout", "pdrop", "dropout_prob", "layerdrop")
"""Endings of settings that are set to zero."""
PROBE = 8
"""Tokens."""


def build_model(
    declared: Model, tokenizer: PreTrainedTokenizerBase, sequence_length: int, seed: int
) -> PreTrainedModel:
    """The declared decoder with float32 weights drawn after `manual_seed(seed)`.

    Raises:
        AlignmentError: if transformers has no such decoder.
    """
    options = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": sequence_length,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(seed)
    model = make_model(declared, options)
    scale_weights(model, declared)
    return model


def check_model(declared: Model, *, longer: bool) -> None:
    """Build a decoder of the declared architecture in small.

    Args:
        longer: whether a stage is to go on with longer sequences.

    Raises:
        AlignmentError: if transformers has no such decoder, or its positions are weights, of which
            a longer stage would need more.
    """
    small = declared.model_copy(update={"layers": 1, "width": 2 * declared.heads, "mlp_width": 8})
    options = {"vocab_size": 16, "eos_token_id": 0, "pad_token_id": 0}
    counts = [
        parameter_count(make_model(small, {**options, "max_position_embeddings": size}))
        for size in (2 * PROBE, 4 * PROBE)
    ]
    if longer and counts[0] != counts[1]:
        raise AlignmentError(
            f"model.architecture: the positions of {declared.architecture!r} are weights: no "
            "stage can have longer sequences (trunk.sequence_length)"
        )


def make_model(declared: Model, options: Mapping[str, Any]) -> PreTrainedModel:
    """The declared decoder with random weights.

    Args:
        options: what transformers' configuration is told besides, as `vocab_size`.

    Raises:
        AlignmentError: if transformers has no such decoder.
    """
    name = declared.architecture
    try:
        config = _make_config(declared, options)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
        if name in TESTED or is_causal(model):
            return model
        reason = "it predicts tokens from those that follow"
    except AlignmentError:
        raise
    except Exception as error:
        # An architecture that nobody tried here refuses what it does not take in its own way.
        reason = first_line(error)
    raise AlignmentError(f"model.architecture: {name!r} cannot be trained here: {reason}")


def is_causal(model: PreTrainedModel) -> bool:
    """Whether another last token leaves what is predicted before it as it was."""
    tokens = torch.tensor([[*range(1, PROBE), last] for last in (1, 2)])
    with torch.inference_mode():
        logits = model.eval()(input_ids=tokens, use_cache=False).logits[:, :-1]
    model.train()
    return torch.allclose(logits[0], logits[1], atol=1e-5)


def _make_config(declared: Model, options: Mapping[str, Any]) -> PreTrainedConfig:
    name = declared.architecture
    grouped = declared.key_value_heads or declared.heads
    options = {
        **options,
        **{theirs: getattr(declared, ours) for theirs, ours in DIALS.items()},
        "tie_word_embeddings": declared.tied_embeddings,
        "bos_token_id": None,
        "attn_implementation": "sdpa",
        "dtype": "float32",
    }
    known = CONFIG_MAPPING[name].__dataclass_fields__
    sizes = {"num_key_value_heads": grouped, "head_dim": declared.width // declared.heads}
    options |= {field: value for field, value in sizes.items() if field in known}
    options |= {field: 0.0 for field in known if field.endswith(DROPOUT)}
    config = AutoConfig.for_model(name, **options)
    for theirs, ours in {**DIALS, "num_key_value_heads": "key_value_heads"}.items():
        wanted = getattr(declared, ours)
        if wanted is not None and getattr(config, theirs, None) != wanted:
            raise AlignmentError(f"model.{ours}: the architecture {name!r} has no such setting")
    return config


def count_parameters(declared: Model, vocabulary: int, sequence_length: int) -> int:
    """Of the declared decoder, without making its weights.

    Raises:
        AlignmentError: if transformers has no such decoder.
    """
    options = {
        "vocab_size": vocabulary,
        "max_position_embeddings": sequence_length,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }
    try:
        config = _make_config(declared, options)
        with torch.device("meta"):
            return parameter_count(AutoModelForCausalLM.from_config(config))
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = first_line(error)
    raise AlignmentError(f"model.architecture: {declared.architecture!r}: {reason}")


def parameter_count(model: nn.Module) -> int:
    """Trained numbers; a tied embedding counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def require_finite_weights(weights: Mapping[str, Tensor], step: int) -> None:
    """Refuse a model that its last step broke: no loss after it would tell.

    Raises:
        AlignmentError: names the weights.
    """
    broken = [name for name, one in weights.items() if not bool(one.isfinite().all())]
    if broken:
        raise AlignmentError(
            f"after step {step} {len(broken)} weights are no numbers, as {broken[0]}; no model is "
            "written (a lower learning_rate or a longer warmup_share may help)"
        )


def flops_per_token(config: PreTrainedConfig, parameters: int, sequence_length: int) -> int:
    """Floating-point operations that training on one token takes: 6N + 12·L·H·Q·T.

    PaLM (Chowdhery et al. 2022, arXiv 2204.02311), appendix B: N parameters, L layers, H heads of
    Q dimensions, T tokens in a sequence; forward and backward, nothing recomputed.
    """
    heads: int = config.num_attention_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    return 6 * parameters + 12 * int(config.num_hidden_layers * heads * head) * sequence_length
