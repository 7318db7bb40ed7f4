"""What an endpoint sends back, read with mistrust: a usable answer, or what is wrong with it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from alignment_dagster.synthesis.answer import Answer

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
OVERLOADED = frozenset({429, 503, 529})
REFUSED = frozenset({401, 403})
LONGEST_WAIT = 300.0
"""Seconds that an endpoint may ask for before the next attempt."""


class Unusable(Exception):
    """A reply that is no answer; the message says why, and quotes nothing of it."""


@dataclass(frozen=True)
class Failure:
    """An attempt without an answer."""

    reason: str
    retried: bool
    """Whether another attempt may help."""
    charged: bool
    """Whether it may have been charged all the same."""
    overload: bool = False
    wait: float | None = None
    """Seconds that the endpoint asks to wait."""


def read_reply(content: bytes, content_type: str, api: str, seconds: float) -> Answer:
    """The answer of a successful reply.

    Raises:
        Unusable: if it is not JSON, or no completion.
    """
    if "json" not in content_type.lower():
        raise Unusable("the reply is not JSON by its content type")
    try:
        data = json.loads(content)
        choice = data["choices"][0]
        text = choice["message"]["content"] if api == "chat" else choice["text"]
    except (ValueError, RecursionError):
        raise Unusable("the reply is not JSON") from None
    except (KeyError, IndexError, TypeError):
        raise Unusable("the reply is no completion") from None
    if text is not None and not isinstance(text, str):
        raise Unusable("the reply is no completion: its text is none")
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Answer(
        text=text or "",
        reported_model=_text(data.get("model")),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        finish_reason=_text(choice.get("finish_reason")) or "unknown",
        seconds=round(seconds, 3),
        answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def status_failure(response: httpx.Response) -> Failure:
    """What a reply of another status than 200 means."""
    status = response.status_code
    if 300 <= status < 400:
        return Failure("the endpoint sends elsewhere (a redirect): not followed", False, False)
    wait = _wait(response.headers.get("retry-after")) if status in OVERLOADED else None
    return Failure(f"HTTP status {status}", status in RETRIED, False, status in OVERLOADED, wait)


def transport_failure(error: Exception) -> Failure:
    """What an attempt means that brought no whole reply; the library's text may quote what was
    sent, so it is not repeated."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Failure("no connection", True, False)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Failure("no answer in time", True, True, overload=True)
    return Failure(f"the connection broke ({type(error).__name__})", True, True)


def _wait(header: str | None) -> float | None:
    """Of a `Retry-After`: seconds, or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(0.0, seconds), LONGEST_WAIT) if seconds == seconds else None


def _text(value: Any) -> str:
    """A short text as it was sent; of anything else nothing."""
    return value[:200] if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    """A number of tokens, where it is one."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < 2**53 else None
