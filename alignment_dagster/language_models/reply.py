"""What an endpoint of OpenAI's protocol sends, as an answer; nothing of it is ever quoted."""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from alignment_dagster.language_models.answer import Answer

LARGEST = 8 << 20
"""Bytes of a reply that are read."""
LONGEST_NAME = 200
"""Characters of a model's name, or of a reason to finish, that are kept."""
MOST_TOKENS = 1 << 31
"""No endpoint counts so many for one answer."""


class NoReply(Exception):
    """No answer can be had from an attempt; the message says why."""

    def __init__(
        self,
        reason: str,
        *,
        charged: bool = True,
        again: bool = True,
        crowded: bool = False,
        wait: float = 0.0,
    ) -> None:
        super().__init__(reason)
        self.charged = charged
        """Whether the endpoint may charge it."""
        self.again = again
        """Whether another attempt may help."""
        self.crowded = crowded
        """Whether the endpoint cannot keep up."""
        self.wait = wait
        """Seconds that the endpoint asks for."""


def read_reply(content: bytes, api: Literal["chat", "completions"], seconds: float) -> Answer:
    """The answer in the bytes of a reply.

    Raises:
        NoReply: if it is not JSON, or not of the protocol's shape.
    """
    try:
        # This parser, as it keeps lone surrogates.
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise NoReply("a reply that is not JSON") from None
    return answer_of(value, api, seconds)


def answer_of(value: Any, api: Literal["chat", "completions"], seconds: float) -> Answer:
    """The answer in a reply's JSON value.

    Raises:
        NoReply: if it does not have the protocol's shape.
    """
    try:
        choice = value["choices"][0]
        text = _text(choice["message"]["content"] if api == "chat" else choice["text"])
    except (KeyError, IndexError, TypeError):
        kind = "chat completion" if api == "chat" else "completion"
        raise NoReply(f"a reply that is no {kind}", again=False) from None
    usage = value.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Answer(
        text=text,
        reported_model=_name(value.get("model")),
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        finish_reason=_name(choice.get("finish_reason")),
        seconds=seconds,
        answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _text(content: Any) -> str:
    """Of a text, of a list of parts, and of nothing, as where a model calls a tool.

    Raises:
        TypeError: of anything else.
    """
    if content is None:
        return ""
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str):
        raise TypeError
    return content


def _count(value: Any) -> int | None:
    """A number of tokens; None of what cannot be one."""
    return value if type(value) is int and 0 <= value < MOST_TOKENS else None


def _name(value: Any) -> str:
    return value[:LONGEST_NAME] if isinstance(value, str) else ""
