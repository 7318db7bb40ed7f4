"""A raw row as a reader yields it, and the conversations that its payload holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from alignment_dagster.foundation.digests import canonical_json

Message = dict[str, str]
"""{"role": "system" | "user" | "assistant", "content": str}"""


@dataclass(frozen=True)
class RawRow:
    """One document as it was read: where it stands, and what it says.

    `payload` is the canonical JSON of a conversation or a preference pair, None for plain text.
    `line` is the 1-based line of `path` on which the row begins.
    """

    text: str
    payload: str | None
    external_id: str | None
    path: str
    line: int


@dataclass(frozen=True)
class Content:
    """A row's text and payload, before it is known where the row stands."""

    text: str
    payload: str | None = None


def make_conversation(messages: Sequence[Message]) -> Content:
    """A chat document; its text is all that is said, one message after the other."""
    return Content(_join_contents(messages), canonical_json({"messages": list(messages)}))


def make_preference_pair(
    prompt: Sequence[Message], chosen: Sequence[Message], rejected: Sequence[Message]
) -> Content:
    """A preference document: one prompt and two ways in which the conversation goes on."""
    pair = {"prompt": list(prompt), "chosen": list(chosen), "rejected": list(rejected)}
    return Content(_join_contents([*prompt, *chosen, *rejected]), canonical_json(pair))


def _join_contents(messages: Sequence[Message]) -> str:
    return "\n".join(message["content"] for message in messages)
