"""One attempt at an endpoint: a request is sent, and what comes back is read within bounds."""

import asyncio
import ipaddress
import json
import os
import time
from types import TracebackType

import httpx

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.language_models.pace import retry_after
from alignment_dagster.language_models.reply import LARGEST, NoReply, read_reply
from alignment_dagster.language_models.request import Request
from alignment_dagster.study.synthesis import OpenAICompatible

PATHS = {"chat": "/chat/completions", "completions": "/completions"}
CROWDED = frozenset({429, 503, 529})
PASSING = frozenset({408, 409, 425}) | CROWDED
"""Statuses below 500 after which another attempt may help, and those of a crowded endpoint."""

CONNECT_SECONDS = 10.0
"""For a connection, at most; and at most half of what an answer may take: what ends before anything
was sent is told apart from what may be charged."""


class Unreachable(NoReply):
    """Nothing was sent."""

    def __init__(self) -> None:
        super().__init__("no connection", charged=False)


class Connection:
    """To a generator's endpoint. The key appears in no text: neither in errors nor in logs."""

    def __init__(self, source: str, generator: OpenAICompatible) -> None:
        """Read the key; nothing is sent yet.

        Raises:
            DataError: if the key cannot be sent, or a proxy of the environment not be used.
        """
        self._source, self._generator = source, generator
        self._url = httpx.URL(generator.url.rstrip("/") + PATHS[generator.api])
        # A compressed reply could be of any size.
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key := self._key():
            headers["Authorization"] = f"Bearer {key}"
        most = generator.concurrency
        connect = min(CONNECT_SECONDS, generator.timeout / 2)
        try:
            self._client = httpx.AsyncClient(
                headers=headers,
                timeout=httpx.Timeout(generator.timeout, connect=connect, pool=connect),
                follow_redirects=False,
                limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
                trust_env=not _is_loopback(self._url.host),
            )
        except (ImportError, ValueError, httpx.InvalidURL):
            raise self.failed("the proxy that the environment names cannot be used") from None

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def ask(self, request: Request) -> Answer:
        """One attempt.

        Raises:
            NoReply: if it failed.
            DataError: if all others would fail as well.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._generator.timeout):
                status, headers, content = await self._post(json.dumps(request.body).encode())
        except (TimeoutError, httpx.TimeoutException) as error:
            if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
                raise Unreachable from None
            raise NoReply("no answer in time", crowded=True) from None
        except (httpx.ConnectError, httpx.ProxyError):
            raise Unreachable from None
        except httpx.HTTPError as error:
            # Its text may quote what was sent.
            raise NoReply(f"the connection was cut ({type(error).__name__})") from None
        if status != 200:
            raise self._refusal(status, headers)
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json" and not media.endswith("+json"):
            raise NoReply("a reply that is not declared as JSON")
        return read_reply(content, request.api, time.monotonic() - started)

    async def _post(self, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        content = bytearray()
        async with self._client.stream("POST", self._url, content=body) as response:
            if response.status_code == 200:
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise NoReply("a reply that is compressed", again=False)
                async for chunk in response.aiter_raw():
                    content += chunk
                    if len(content) > LARGEST:
                        raise NoReply(f"a reply of more than {LARGEST:,} bytes", again=False)
            return response.status_code, response.headers, bytes(content)

    def _refusal(self, status: int, headers: httpx.Headers) -> Exception:
        """What a status other than 200 means, for this request or for all."""
        variable, model = self._generator.key_variable, self._generator.model
        if status in (401, 403):
            return self.failed(
                f"HTTP status {status}: does {variable} hold a key that may do this?"
            )
        if status == 402:
            return self.failed(f"HTTP status 402: nothing is left on the account of {variable}")
        if status == 404:
            return self.failed(f"HTTP status 404: no model {model!r} there, or no such path")
        if 300 <= status < 400:
            reason = f"HTTP status {status}: redirects are not followed"
            return NoReply(reason, charged=False, again=False)
        if status < 300:
            return NoReply(f"HTTP status {status}", again=False)
        return NoReply(
            f"HTTP status {status}",
            charged=False,
            again=status >= 500 or status in PASSING,
            crowded=status in CROWDED,
            wait=retry_after(headers.get("retry-after")),
        )

    def failed(self, problem: str) -> DataError:
        """An error for all requests."""
        # The host only: a path may be a key as well.
        host = self._url.netloc.decode()
        return DataError(f"source {self._source!r}: the endpoint at {host}: {problem}")

    def _key(self) -> str:
        key = os.environ.get(self._generator.key_variable, "").strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            variable = self._generator.key_variable
            raise self.failed(f"{variable} holds something that cannot be sent as a key")
        return key


def _is_loopback(host: str) -> bool:
    """Whether it is this machine, which no proxy can reach."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
