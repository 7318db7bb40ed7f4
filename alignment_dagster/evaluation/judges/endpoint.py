"""An OpenAI-compatible endpoint: one question, one answer, within bounds of time and size."""

import json
import os
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from alignment_dagster.foundation.errors import DataError, DeclarationError

URL, MODEL, KEY = "ALIGNMENT_JUDGE_URL", "ALIGNMENT_JUDGE_MODEL", "ALIGNMENT_JUDGE_KEY"
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})
LARGEST = 1 << 20
"""Bytes of an answer that are read."""


@dataclass(frozen=True)
class Endpoint:
    """Where the judge is asked. The key appears in no text: neither in errors nor in logs."""

    url: str
    """The part before `/chat/completions`."""
    model: str
    key: str = field(repr=False)
    timeout: float = 30.0
    """Seconds for one attempt, from connecting to the last byte."""
    attempts: int = 3
    pause: float = 1.0
    """Seconds before the second attempt; doubled before each further one."""

    @staticmethod
    def is_named() -> bool:
        """Whether the environment names an endpoint, if only in part."""
        return any(os.environ.get(name, "").strip() for name in (URL, MODEL))

    @classmethod
    def from_environment(cls) -> "Endpoint":
        """From the three environment variables; the key may be absent.

        Raises:
            DeclarationError: names the variable that is not set or cannot be used.
        """
        values = {name: os.environ.get(name, "").strip() for name in (URL, MODEL, KEY)}
        for name in (URL, MODEL):
            if not values[name]:
                raise DeclarationError(f"the judge needs the environment variable {name}")
        try:
            parsed = httpx.URL(values[URL])
        except httpx.InvalidURL:
            raise DeclarationError(f"{URL} is not a URL") from None
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise DeclarationError(f"{URL} is not an http or https URL")
        if parsed.userinfo or parsed.query:
            message = f"{URL} holds a user, password or query: a key belongs into {KEY}"
            raise DeclarationError(message)
        return cls(values[URL].rstrip("/"), values[MODEL], values[KEY])

    def ask(self, messages: list[dict[str, str]], max_tokens: int) -> str:
        """The text of the answer, at temperature 0.

        Raises:
            DataError: after the last attempt, or at once where another one would not help.
        """
        body = {
            "model": self.model,
            "messages": messages,
            "temperature": 0,
            "max_tokens": max_tokens,
        }
        problem = ""
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                status, content = self._post(body)
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                problem = _name_problem(error)
                continue
            if status == 200:
                return self._answer(content)
            problem = f"HTTP status {status}"
            if status not in RETRIED:
                raise self._failed(problem)
        raise self._failed(f"{problem}, after {self.attempts} attempts")

    def _post(self, body: dict[str, Any]) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        end = time.monotonic() + self.timeout
        content = bytearray()
        with (
            httpx.Client(timeout=self.timeout, follow_redirects=False) as client,
            client.stream(
                "POST", f"{self.url}/chat/completions", json=body, headers=headers
            ) as response,
        ):
            for chunk in response.iter_bytes():
                content += chunk
                # Each read has its own time limit: a server that drips would never reach it.
                if time.monotonic() > end:
                    raise httpx.ReadTimeout("too slow")
                if len(content) > LARGEST:
                    raise httpx.DecodingError("too large")
            return response.status_code, bytes(content)

    def _answer(self, content: bytes) -> str:
        try:
            text = json.loads(content)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            text = None
        if not isinstance(text, str):
            raise self._failed("the answer is not a chat completion")
        return text

    def _failed(self, problem: str) -> DataError:
        # The host only: a path may be a key as well.
        host = httpx.URL(self.url).netloc.decode()
        return DataError(f"the judge at {host} ({self.model}): {problem}")


def _name_problem(error: Exception) -> str:
    """What went wrong, in the library's name for it: its text may quote what was sent."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    return type(error).__name__
