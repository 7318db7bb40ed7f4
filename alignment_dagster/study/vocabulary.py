"""The tokens that are no text: what closes documents and turns, and what treatments put in."""

from typing import Annotated, Any

from pydantic import Field

END_OF_TEXT = "<|endoftext|>"
END_OF_TURN = "<|end|>"
ROLES = ("system", "user", "assistant")
CHAT_TOKENS = (*(f"<|{role}|>" for role in ROLES), END_OF_TURN)
SPECIAL_TOKENS = (END_OF_TEXT, *CHAT_TOKENS)
"""Of every vocabulary."""
HIDDEN = "<|hidden|>"
"""Stands for every token that a recipe hides."""
ControlToken = Annotated[str, Field(pattern=r"^<\|[a-z][a-z0-9_]{0,40}\|>$")]


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """Each token of a transformers tokenizer that is no text, and its id.

    A checkpoint's own may have added tokens that are text, as runs of blanks.
    """
    added = tokenizer.added_tokens_decoder
    return {one.content: number for number, one in added.items() if one.special}
