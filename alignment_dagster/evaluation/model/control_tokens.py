"""How a model is asked that was trained behind control tokens: its own configuration says so.

It keeps this in `config.json`, and `generation_config.json` names what it does not write in the
field that `transformers` reads: so it does through post-training, and wherever it is opened.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

PROMPT = "prompt_token_ids"
AVOIDED, AVOIDING_BEAMS, BEAMS = "avoided_tag_token_id", "tag_avoiding_beams", "answer_beams"


class BeamSearch(NamedTuple):
    """How a model writes that does not simply write the likeliest token after the other."""

    beams: int
    """Answers that are written side by side."""
    avoided: int | None = None
    """A tag that is unlikely after what it writes."""


def ask_behind(model: Any, prompt: Sequence[int]) -> None:
    """Have a model asked behind some tokens."""
    setattr(model.config, PROMPT, list(prompt))


def search_by_beams(model: Any, search: BeamSearch) -> None:
    """Have a model write by beams."""
    if search.avoided is None:
        setattr(model.config, BEAMS, search.beams)
        return
    setattr(model.config, AVOIDED, search.avoided)
    setattr(model.config, AVOIDING_BEAMS, search.beams)


def leave_unwritten(model: Any, unwritten: Sequence[int]) -> None:
    """Have a model write none of some tokens."""
    model.generation_config.suppress_tokens = list(unwritten)


def prompt_ids(model: Any) -> tuple[int, ...]:
    """The tokens that stand before every prompt and every document that the model is asked."""
    return tuple(getattr(model.config, PROMPT, None) or ())


def beam_search(model: Any) -> BeamSearch | None:
    """How its answers are searched for; None where each token is simply the likeliest."""
    avoided = getattr(model.config, AVOIDED, None)
    beams = getattr(model.config, BEAMS if avoided is None else AVOIDING_BEAMS, None)
    return None if beams is None else BeamSearch(beams, avoided)


def unwritten_ids(model: Any) -> tuple[int, ...]:
    """The tokens that the model does not write."""
    return tuple(getattr(model.generation_config, "suppress_tokens", None) or ())
