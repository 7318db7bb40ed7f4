"""Architectures of decoders, as transformers names them: what a declared model can be.

This module imports neither torch nor, for what is tested here, transformers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.study import Model

TESTED: Mapping[str, bool] = {
    "llama": True,
    "gpt_neox": False,
    "qwen2": True,
    "qwen3": True,
    "olmo": True,
    "olmo2": True,
    "mistral": True,
}
"""Name → whether its attention can be grouped. Their layers are alike, and of their logits nothing
but the output's weights is asked: they are compiled on an accelerator."""


@dataclass(frozen=True)
class ScaledParts:
    """Beginnings of the names of weights that scale otherwise than hidden ones with the size."""

    embeddings: tuple[str, ...]
    """Of the tokens, and the output's."""
    last_norm: str
    block_outputs: tuple[str, ...]
    """Within a layer: what is added to the residual stream."""


_LLAMA = ScaledParts(
    ("model.embed_tokens.", "lm_head."), "model.norm.", ("self_attn.o_proj", "mlp.down_proj")
)
SCALED: Mapping[str, ScaledParts] = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), _LLAMA),
    "gpt_neox": ScaledParts(
        ("gpt_neox.embed_in.", "lm_head."),
        "gpt_neox.final_layer_norm.",
        ("attention.dense", "mlp.dense_4h_to_h"),
    ),
}
"""Those whose learning rate can be tuned at another size. OLMo's last norm has no weights, and
OLMo2's blocks end in one."""


def find_problem(declared: Model) -> tuple[str, str] | None:
    """A field of the model, and what is wrong with it; None where nothing can be said yet."""
    name = declared.architecture
    if declared.tuned_at is not None and name not in SCALED:
        known = ", ".join(SCALED)
        return "tuned_at", f"how {name!r} scales is not known here, only {known}"
    if name in TESTED:
        if declared.key_value_heads is not None and not TESTED[name]:
            return "key_value_heads", f"the attention of {name!r} cannot be grouped"
        return None
    # Imported here for its weight: few studies ask for another architecture.
    from transformers.models.auto.auto_mappings import CONFIG_MAPPING_NAMES

    if name not in CONFIG_MAPPING_NAMES:
        return "architecture", f"unknown architecture {name!r}{suggest_name(name, TESTED)}"
    return None
