"""How a model is asked that was trained behind control tokens: its own configuration says so.

It keeps this in `config.json`, and `generation_config.json` names what it does not write in the
field that `transformers` reads: so it does through post-training, and wherever it is opened.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

PROMPT = "prompt_token_ids"
AVOIDED, BEAMS = "avoided_tag_token_id", "tag_avoiding_beams"


class AvoidedTag(NamedTuple):
    """A tag that is unlikely after what a model writes."""

    token: int
    beams: int
    """Answers that are written side by side."""


def ask_behind(model: Any, prompt: Sequence[int]) -> None:
    """Have a model asked behind some tokens."""
    setattr(model.config, PROMPT, list(prompt))


def avoid_tag(model: Any, avoided: AvoidedTag) -> None:
    """Have a model write what a tag is unlikely after."""
    setattr(model.config, AVOIDED, avoided.token)
    setattr(model.config, BEAMS, avoided.beams)


def leave_unwritten(model: Any, unwritten: Sequence[int]) -> None:
    """Have a model write none of some tokens."""
    model.generation_config.suppress_tokens = list(unwritten)


def prompt_ids(model: Any) -> tuple[int, ...]:
    """The tokens that stand before every prompt and every document that the model is asked."""
    return tuple(getattr(model.config, PROMPT, None) or ())


def avoided_tag(model: Any) -> AvoidedTag | None:
    """The tag that its answers avoid; None where they are simply the likeliest."""
    token = getattr(model.config, AVOIDED, None)
    return None if token is None else AvoidedTag(token, getattr(model.config, BEAMS))


def unwritten_ids(model: Any) -> tuple[int, ...]:
    """The tokens that the model does not write."""
    return tuple(getattr(model.generation_config, "suppress_tokens", None) or ())
