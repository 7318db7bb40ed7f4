"""Architectures of decoders, as transformers names them: what a declared model can be.

This module imports neither torch nor, for what is tested here, transformers.
"""

from collections.abc import Mapping

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


def find_problem(declared: Model) -> tuple[str, str] | None:
    """A field of the model, and what is wrong with it; None where nothing can be said yet."""
    name = declared.architecture
    if name in TESTED:
        if declared.key_value_heads is not None and not TESTED[name]:
            return "key_value_heads", f"the attention of {name!r} cannot be grouped"
        return None
    # Imported here for its weight: few studies ask for another architecture.
    from transformers.models.auto.auto_mappings import CONFIG_MAPPING_NAMES

    if name not in CONFIG_MAPPING_NAMES:
        return "architecture", f"unknown architecture {name!r}{suggest_name(name, TESTED)}"
    return None
