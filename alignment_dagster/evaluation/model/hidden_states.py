"""Hidden states at chosen positions, without computing those that nobody reads.

The last layer's states are read at the scored positions only, so that for all others its keys and
values suffice: of a two-layer model that is a third of the work. This holds for Llama decoders,
which are what a study pretrains; another architecture is computed in full.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb, repeat_kv


@dataclass(frozen=True)
class ModelInputs:
    """What a model reads: tokens, their positions, and what each of them sees."""

    ids: torch.Tensor
    """[rows, width]"""
    positions: torch.Tensor
    """[rows, width]"""
    mask: torch.Tensor
    """Added to the attention's scores: 0 or minus infinity [rows, 1, width, width]."""


@dataclass(frozen=True)
class ScoredPositions:
    """The positions whose states are read; all made on the host, so that nobody waits for it."""

    row: torch.Tensor
    """[n], in ascending order"""
    at: torch.Tensor
    """In the row [n]."""
    slot: torch.Tensor
    """How many chosen positions of the same row stand before each [n]."""
    wanted: torch.Tensor
    """Of each row, the chosen positions, then zeros [rows, the most of a row]."""


def hidden_states(model: Any, inputs: ModelInputs, scored: ScoredPositions) -> torch.Tensor:
    """The normalised last hidden state at each chosen position [n, hidden size]."""
    if isinstance(model, LlamaForCausalLM):
        return _llama_states(model.model, inputs, scored)
    states: torch.Tensor = model.base_model(
        input_ids=inputs.ids,
        attention_mask=inputs.mask,
        position_ids=inputs.positions,
        use_cache=False,
    ).last_hidden_state
    return states[scored.row, scored.at]


def _llama_states(model: Any, inputs: ModelInputs, scored: ScoredPositions) -> torch.Tensor:
    states = model.embed_tokens(inputs.ids)
    rotary = model.rotary_emb(states, position_ids=inputs.positions)
    *layers, last = model.layers
    for layer in layers:
        states = layer(states, attention_mask=inputs.mask, position_embeddings=rotary)
    chosen: torch.Tensor = model.norm(_last_layer(last, states, inputs.mask, rotary, scored))
    return chosen


def _last_layer(
    layer: Any,
    states: torch.Tensor,
    mask: torch.Tensor,
    rotary: tuple[torch.Tensor, torch.Tensor],
    scored: ScoredPositions,
) -> torch.Tensor:
    """What a decoder layer gives at the chosen positions: queries for them, keys for all."""
    row, at, slot, wanted = scored.row, scored.at, scored.slot, scored.wanted
    every = torch.arange(len(states), device=row.device).unsqueeze(1)
    attention = layer.self_attn
    normed = layer.input_layernorm(states)
    cos, sin = rotary
    keys, values = (
        _heads(attention.k_proj(normed), attention),
        _heads(attention.v_proj(normed), attention),
    )
    queries = _heads(attention.q_proj(normed[every, wanted]), attention)
    keys, _ = apply_rotary_pos_emb(keys, keys, cos, sin)
    queries, _ = apply_rotary_pos_emb(queries, queries, cos[every, wanted], sin[every, wanted])
    seen = functional.scaled_dot_product_attention(
        queries,
        repeat_kv(keys, attention.num_key_value_groups),
        repeat_kv(values, attention.num_key_value_groups),
        attn_mask=mask[every, 0, wanted].unsqueeze(1),
        scale=attention.scaling,
    )
    mixed = attention.o_proj(seen.transpose(1, 2).flatten(2)[row, slot])
    chosen = states[row, at] + mixed
    result: torch.Tensor = chosen + layer.mlp(layer.post_attention_layernorm(chosen))
    return result


def _heads(states: torch.Tensor, attention: Any) -> torch.Tensor:
    """[rows, positions, heads x size] as [rows, heads, positions, size]."""
    return states.view(*states.shape[:-1], -1, attention.head_dim).transpose(1, 2)
