"""The decoder that a study declares, as a transformers model, and what one of its tokens costs."""

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from alignment_dagster.study import Model


def build_model(
    declared: Model, tokenizer: PreTrainedTokenizerBase, sequence_length: int, seed: int
) -> PreTrainedModel:
    """A Llama decoder with tied embeddings and float32 weights drawn after `manual_seed(seed)`."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=declared.width,
        intermediate_size=declared.mlp_width,
        num_hidden_layers=declared.layers,
        num_attention_heads=declared.heads,
        num_key_value_heads=declared.heads,
        max_position_embeddings=sequence_length,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="sdpa",
        dtype="float32",
    )
    torch.manual_seed(seed)
    return LlamaForCausalLM(config)


def parameter_count(model: nn.Module) -> int:
    """Trained numbers; the tied embedding counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def flops_per_token(declared: Model, parameters: int, sequence_length: int) -> int:
    """Floating-point operations that training on one token takes: 6N + 12·L·H·Q·T.

    PaLM (Chowdhery et al. 2022, arXiv 2204.02311), appendix B: N parameters, L layers, H heads of
    Q dimensions, T tokens in a sequence; forward and backward, nothing recomputed.
    """
    head = declared.width // declared.heads
    return 6 * parameters + 12 * declared.layers * declared.heads * head * sequence_length
