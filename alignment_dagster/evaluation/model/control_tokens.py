"""How a model is asked that was trained behind control tokens: its own configuration says so.

It keeps this in `config.json`, and `generation_config.json` names what it does not write in the
field that `transformers` reads: so it does through post-training, and wherever it is opened.
"""

from collections.abc import Sequence
from typing import Any

PROMPT = "prompt_token_ids"


def ask_behind(model: Any, prompt: Sequence[int], unwritten: Sequence[int]) -> None:
    """Have a model asked behind some tokens, and write none of others."""
    setattr(model.config, PROMPT, list(prompt))
    model.generation_config.suppress_tokens = list(unwritten)


def prompt_ids(model: Any) -> tuple[int, ...]:
    """The tokens that stand before every prompt and every document that the model is asked."""
    return tuple(getattr(model.config, PROMPT, None) or ())


def unwritten_ids(model: Any) -> tuple[int, ...]:
    """The tokens that the model does not write."""
    return tuple(getattr(model.generation_config, "suppress_tokens", None) or ())
