"""A raw row as a reader yields it, usable or not, and the conversations that its payload holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alignment_dagster.foundation.digests import canonical_json

Metadata = Mapping[str, str | int | float | bool | None]
"""Declared column → its value in a row."""

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
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class QuarantinedRow:
    """A row that cannot be used: where it stands, why, and which bytes it has.

    `reason` is a sentence that names the field where there is one; it quotes nothing of the row.
    `sha256` is the hex digest of the row's bytes as they lie in the (decompressed) file.
    """

    path: str
    line: int
    reason: str
    sha256: str


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
