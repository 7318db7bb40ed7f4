"""An endpoint of OpenAI's protocol on this machine that misbehaves where a prompt asks for it.

A prompt with `[wrong:NAME]` meets the behaviour of that name, at its first attempt alone where it
says `[once:NAME]`.
"""

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import pairwise
from time import monotonic, time
from typing import Any

ASKED = re.compile(r"\[(wrong|once):(\w+)\]")
PROMPT, COMPLETION = 20, 10
"""Tokens of each answer, as it reports them."""


@dataclass
class EndpointServer:
    """What it was asked, and how many requests were under way."""

    delay: float = 0.0
    """Seconds before an answer."""
    write: Callable[[str], str] = lambda _prompt: "An assistant saw it and said so."
    """From a prompt to the text of an answer."""
    crowd: int = 10**6
    """More requests than these at a time are refused."""
    bodies: Counter[str] = field(default_factory=Counter)
    """Of all requests; of those that were answered well."""
    answered: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    highest: int = 0
    seen_in_flight: list[int] = field(default_factory=list)
    """Under way, at the arrival of each request."""
    authorizations: set[str] = field(default_factory=set)
    changes: list[tuple[float, int]] = field(default_factory=list)
    """When how many were under way, from then on."""

    def __enter__(self) -> "EndpointServer":
        self._loop = asyncio.new_event_loop()
        begun = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(self._loop)
            self._server = self._loop.run_until_complete(
                asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=2048)
            )
            self.port = self._server.sockets[0].getsockname()[1]
            begun.set()
            self._loop.run_forever()

        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()
        assert begun.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection stays."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        if found := re.search(r"(?im)^authorization: (.*)\r$", head):
            self.authorizations.add(found[1])
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
        self._change(1)
        self.highest = max(self.highest, self.in_flight)
        self.seen_in_flight.append(self.in_flight)
        try:
            return await self._behave(body, writer)
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        self.in_flight += by
        self.changes.append((monotonic(), self.in_flight))

    def mean_in_flight(self) -> float:
        """Over the time between the second request and the last one."""
        changes = self.changes[2:]
        while changes[-1][1] < changes[-2][1]:
            changes.pop()
        spans = [(b[0] - a[0], a[1]) for a, b in pairwise(changes)]
        return sum(span * count for span, count in spans) / sum(span for span, _ in spans)

    async def _behave(self, body: str, writer: asyncio.StreamWriter) -> bool:
        self.bodies[body] += 1
        asked = ASKED.search(body)
        name = "" if asked is None else asked[2]
        if asked is not None and asked[1] == "once" and self.bodies[body] > 1:
            name = ""
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.in_flight > self.crowd:
            name = "status_429"
        request = json.loads(body)
        reply = completion(request, self.write)
        if name.startswith("status_"):
            _write(writer, int(name[7:]), b'{"error": {"message": "SERVER TEXT"}}')
        elif name == "wait_seconds":
            _write(writer, 429, b"{}", ("Retry-After: 1",))
        elif name == "wait_date":
            _write(writer, 503, b"{}", (f"Retry-After: {formatdate(time() + 2, usegmt=True)}",))
        elif name == "redirect":
            _write(writer, 307, b"", ("Location: http://127.0.0.1:1/elsewhere",))
        elif name == "silent":
            await asyncio.sleep(60)
        elif name == "drips":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            for _ in range(600):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
            return False
        elif name == "cut":
            content = json.dumps(reply).encode()
            _write(writer, 200, content[: len(content) // 2], length=len(content))
            return False
        elif name == "no_json":
            _write(writer, 200, b'{"choices": [')
        elif name == "nested":
            _write(writer, 200, b"[" * 100_000)
        elif name == "html":
            _write(writer, 200, b"<html>", kind="text/html")
        elif name == "shape":
            _write(writer, 200, b'{"choices": [{"message": 7}]}')
        elif name == "huge":
            _write(writer, 200, b'"' + b"x" * (9 << 20) + b'"')
        elif name == "compressed":
            _write(writer, 200, b"x", ("Content-Encoding: gzip",))
        else:
            _alter(reply, name)
            self.answered[body] += 1
            _write(writer, 200, json.dumps(reply).encode())
        return True


def completion(request: dict[str, Any], write: Callable[[str], str]) -> dict[str, Any]:
    """A good reply."""
    chat = request.get("messages")
    text = write(chat[-1]["content"] if chat else request["prompt"])
    choice: dict[str, Any] = (
        {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    )
    return {
        "model": request["model"],
        "choices": [{**choice, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": PROMPT, "completion_tokens": COMPLETION},
    }


def _alter(reply: dict[str, Any], name: str) -> None:
    texts = {
        "surrogate": "half \ud800 a character",
        "control": "a \x07 bell",
        "long": "x" * ((1 << 20) + 1),
        "empty": " \n",
        "null": None,
        "parts": [{"type": "text", "text": "An assistant "}, {"type": "text", "text": "saw it."}],
    }
    if name in texts:
        reply["choices"][0]["message"]["content"] = texts[name]
    elif name == "other_model":
        reply["model"] = "another"
    elif name == "no_usage":
        del reply["usage"]
    elif name == "odd_usage":
        reply["usage"] = {"prompt_tokens": -1, "completion_tokens": True}
    elif name == "much_usage":
        reply["usage"]["completion_tokens"] = 10_000
    else:
        assert not name, name


def _write(
    writer: asyncio.StreamWriter,
    status: int,
    content: bytes,
    headers: tuple[str, ...] = (),
    kind: str = "application/json",
    length: int | None = None,
) -> None:
    lines = (
        f"HTTP/1.1 {status} X",
        f"Content-Type: {kind}",
        f"Content-Length: {len(content) if length is None else length}",
        *headers,
    )
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
