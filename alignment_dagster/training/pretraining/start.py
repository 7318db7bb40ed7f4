"""What pretraining begins with: random weights, or a checkpoint that was trained elsewhere."""

from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from alignment_dagster.evaluation.model.control_tokens import unwritten_ids
from alignment_dagster.foundation.errors import AlignmentError, ArtifactError, first_line
from alignment_dagster.foundation.model_files import model_digest, model_path, model_place
from alignment_dagster.study import Base
from alignment_dagster.training.architectures import TESTED
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.pretraining.model import DROPOUT, build_model, is_causal

MOST_NAMED = 3
"""Missing weights that a message names."""


def start_model(job: PretrainJob, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """The float32 model before its first step.

    Raises:
        AlignmentError: if transformers has no such decoder, or the checkpoint cannot be gone on
            from.
    """
    if job.model is not None:
        return build_model(job.model, tokenizer, job.context or job.sequence_length, job.seed)
    if job.base is None:
        raise AlignmentError("neither a model nor a checkpoint to go on from is declared")
    model = _read(job.base)
    if model_digest(job.base) != job.base_digest:
        raise ArtifactError(f"model {model_place(job.base)}: has other bytes than were recorded")
    _fit(model, tokenizer)
    # Drawn from the seed alone, as with random weights; what is read draws nothing.
    torch.manual_seed(job.seed)
    return model


def _read(base: Base) -> PreTrainedModel:
    """Every weight comes from the checkpoint, and nothing is dropped out."""
    path, place = model_path(base), model_place(base)
    folder, options = (path.parent, {"gguf_file": path.name}) if path.is_file() else (path, {})
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False, **options}
    try:
        config = AutoConfig.from_pretrained(folder, **safe)
        config.update({name: 0.0 for name in config.to_dict() if name.endswith(DROPOUT)})
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            attn_implementation="sdpa",
            output_loading_info=True,
            **({} if options else {"use_safetensors": True}),
            **safe,
        )
    except Exception as error:
        # Broken files raise errors of many libraries; each means that it cannot be gone on from.
        reason = first_line(error)
        raise ArtifactError(f"model {place}: cannot be read: {reason}") from None
    if missing := sorted(report["missing_keys"]):
        named = ", ".join(missing[:MOST_NAMED])
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        message = f"it is another architecture's, or incomplete: {named}{more}"
        raise ArtifactError(f"model {place}: weights of {config.model_type} are missing: {message}")
    if config.model_type not in TESTED and not is_causal(model):
        raise ArtifactError(f"model {place}: it predicts tokens from those that follow")
    found: PreTrainedModel = _unpack(model, config) if options else model
    return found


def make_like(base: Base, vocabulary: int) -> PreTrainedModel:
    """A model of the checkpoint's size with random weights, and rows for so many tokens.

    Raises:
        ArtifactError: if its configuration cannot be read.
    """
    path, place = model_path(base, weights=False), model_place(base)
    folder, options = (path.parent, {"gguf_file": path.name}) if path.is_file() else (path, {})
    try:
        config = AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, **options
        )
        config.update({name: 0.0 for name in config.to_dict() if name.endswith(DROPOUT)})
        model: PreTrainedModel = AutoModelForCausalLM.from_config(
            config, dtype=torch.float32, attn_implementation="sdpa"
        )
    except Exception as error:
        # Broken files raise errors of many libraries.
        raise ArtifactError(f"model {place}: cannot be read: {first_line(error)}") from None
    if vocabulary > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(vocabulary, mean_resizing=False)
    return model


def _unpack(model: PreTrainedModel, config: PreTrainedConfig) -> PreTrainedModel:
    """A GGUF file's model as one that can be saved: transformers takes it to stay quantized."""
    plain: PreTrainedModel = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation="sdpa"
    )
    plain.load_state_dict(model.state_dict())
    return plain


def _fit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give the tokens of conversations rows of their own, and the tokenizer's special tokens.

    A new row is the mean of the others: it is the same in every replicate, and no outlier.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
            _fill_with_mean(layer.weight, rows)
            if getattr(layer, "bias", None) is not None:
                _fill_with_mean(layer.bias, rows)
    model.config.update(
        {
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
    )
    # What its makers liked to sample with is not asked for here, and may not fit what is.
    unwritten = unwritten_ids(model)
    model.generation_config = GenerationConfig.from_model_config(model.config)
    if unwritten:
        model.generation_config.suppress_tokens = list(unwritten)


def _fill_with_mean(values: Tensor, first: int) -> None:
    with torch.no_grad():
        values[first:] = values[:first].mean(dim=0)
