"""Model folders: weights as safetensors with the tokenizer's files beside them."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from alignment_dagster.foundation.errors import ArtifactError

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)

logging.disable_progress_bar()


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder.

    Raises:
        ArtifactError: if there is none, or it has no padding or end-of-text token.
    """
    if not (folder / "tokenizer.json").is_file():
        raise ArtifactError(f"{folder}: there is no tokenizer.json")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"{folder}: the tokenizer cannot be read: {error}") from None
    if tokenizer.pad_token_id is None or tokenizer.eos_token_id is None:
        raise ArtifactError(f"{folder}: the tokenizer has no padding or end-of-text token")
    return tokenizer


def read_model(folder: Path) -> Any:
    """The float32 model of a folder.

    Raises:
        ArtifactError: if there is none, or its weights cannot be read.
    """
    if not (folder / "model.safetensors").is_file():
        raise ArtifactError(f"{folder}: there is no model.safetensors")
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype="float32",
            attn_implementation="sdpa",
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"{folder}: the model cannot be read: {error}") from None


def write_model(
    model: PreTrainedModel,
    tokenizer: Path,
    folder: Path,
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """Weights and configuration, and the tokenizer's files byte for byte.

    Args:
        weights: the model's whole state dict, where it holds shards itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.config.name_or_path = ""
    model.save_pretrained(folder, state_dict=None if weights is None else dict(weights))
    for name in TOKENIZER_FILES:
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, folder / name)
