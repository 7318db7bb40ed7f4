"""Requests to an endpoint: as many at a time as it bears, none beyond the budget, none twice."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import httpx

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study.synthesis import OpenAICompatible
from alignment_dagster.synthesis.answer import Answer
from alignment_dagster.synthesis.answer_store import AnswerStore, Paid, Spent, cost_of
from alignment_dagster.synthesis.purse import Purse, most_of
from alignment_dagster.synthesis.reply import (
    REFUSED,
    Failure,
    Unusable,
    read_reply,
    status_failure,
    transport_failure,
)
from alignment_dagster.synthesis.request import Request

LARGEST = 1 << 23
"""Bytes of a reply that are read."""
PAUSE = 1.0
"""Seconds before the second attempt; doubled before each further one."""
LONGEST_PAUSE = 60.0
LOOKED_UP = 256
"""Requests whose answers are looked for together."""
MOST_FAILURES = 20
"""Requests that may end without an answer, one after the other, before it is given up."""
POLL = 0.5


@dataclass(frozen=True)
class Progress:
    """How far a source is."""

    done: int
    total: int | None
    known: int
    """Of those, answered before."""
    in_flight: int
    per_second: float
    """Answers."""
    spent: Spent
    money: float


@dataclass
class Flow:
    """How many requests may be under way: one more after as many answers, half after an overload
    (additive increase, multiplicative decrease: Chiu and Jain 1989)."""

    most: int
    allowed: float = field(init=False)
    in_flight: int = 0
    highest: int = 0
    not_before: float = 0.0
    """Seconds on the monotonic clock: until then nothing is sent."""

    def __post_init__(self) -> None:
        self.allowed = float(self.most)

    @property
    def is_full(self) -> bool:
        """Whether the next one has to wait."""
        return self.in_flight >= int(self.allowed)

    def begin(self) -> None:
        """One more is under way."""
        self.in_flight += 1
        self.highest = max(self.highest, self.in_flight)

    def answered(self) -> None:
        """The endpoint keeps up."""
        self.allowed = min(self.most, self.allowed + 1 / self.allowed)

    def overloaded(self, wait: float) -> None:
        """It does not: fewer, and none for so many seconds."""
        self.allowed = max(1.0, self.allowed / 2)
        self.not_before = max(self.not_before, time.monotonic() + wait)


class Fatal(Exception):
    """No further request would be answered; the message says why."""


def ask(
    requests: Iterable[Request],
    source: str,
    generator: OpenAICompatible,
    store: AnswerStore,
    tell: Callable[[Progress], None],
    poll: Callable[[], None],
    total: int | None = None,
) -> dict[str, str]:
    """Ask all requests that have no answer yet; each answer is stored the moment it arrives.

    Args:
        tell: told about twice a second how far it is.
        poll: called as often; what it raises ends the work.
        total: how many requests there are, where that is known.

    Returns:
        The digests of requests that ended without an answer, each with its reason: nothing is
        stored of them, so another run asks again.

    Raises:
        DataError: if the endpoint is not reachable, asks for a key or knows no such model, if one
            request after the other fails, or if the budget allows no further one.
    """
    purse = Purse(source, generator.budget, generator.price, store.spent(source))
    work = _Work(source, generator, store, purse, Flow(generator.concurrency), total)
    asyncio.run(work.run(iter(requests), tell, poll))
    return work.failures


@dataclass
class _Work:
    """What is under way for one source."""

    source: str
    generator: OpenAICompatible
    store: AnswerStore
    purse: Purse
    flow: Flow
    total: int | None
    failures: dict[str, str] = field(default_factory=dict)
    known: int = 0
    received: int = 0
    failed_in_a_row: int = 0
    started: float = field(default_factory=time.monotonic)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: list[Paid] = field(default_factory=list)

    async def run(
        self,
        requests: Iterator[Request],
        tell: Callable[[Progress], None],
        poll: Callable[[], None],
    ) -> None:
        tasks: set[asyncio.Task[None]] = set()
        watch = asyncio.create_task(self._watch(tell, poll))
        # A proxy of the environment knows nothing of this machine's own ports.
        limits = httpx.Limits(max_connections=self.generator.concurrency)
        local = httpx.URL(self.generator.url).host in ("127.0.0.1", "localhost", "::1")
        try:
            async with httpx.AsyncClient(
                limits=limits, timeout=None, follow_redirects=False, trust_env=not local
            ) as client:
                for request in self._unanswered(requests):
                    await self._wait_for_turn(most_of(request), tasks, watch)
                    tasks.add(asyncio.create_task(self._answer(client, request)))
                    self.flow.begin()
                    if not self.received:  # the first one shows whether anybody is there
                        await self._finished(tasks, watch, asyncio.ALL_COMPLETED)
                while tasks:
                    await self._finished(tasks, watch, asyncio.FIRST_COMPLETED)
        except Fatal as error:
            host = httpx.URL(self.generator.url).netloc.decode()
            raise DataError(
                f"source {self.source!r}: the endpoint at {host}: {error}; "
                f"{self.store.count(self.source):,} answers are kept"
            ) from None
        finally:
            for task in (*tasks, watch):
                task.cancel()
            await asyncio.gather(*tasks, watch, return_exceptions=True)
            tell(self._progress())

    def _unanswered(self, requests: Iterator[Request]) -> Iterator[Request]:
        """Each once: two equal requests have one answer."""
        asked: set[str] = set()
        while some := list(islice(requests, LOOKED_UP)):
            known = self.store.answered(one.digest for one in some)
            for one in some:
                if one.digest in known or one.digest in asked:
                    self.known += 1
                else:
                    asked.add(one.digest)
                    yield one

    async def _wait_for_turn(
        self, most: Spent, tasks: set[asyncio.Task[None]], watch: asyncio.Task[None]
    ) -> None:
        while True:
            pause = self.flow.not_before - time.monotonic()
            if pause > 0:
                await asyncio.wait({*tasks, watch}, timeout=pause)
            elif self.flow.is_full:
                await self._finished(tasks, watch, asyncio.FIRST_COMPLETED)
                continue
            elif not self.purse.fits(most):
                if not tasks:
                    raise self.purse.empty(most, self.store.count(self.source))
                await self._finished(tasks, watch, asyncio.FIRST_COMPLETED)
                continue
            else:
                return
            self._settle(tasks, watch)

    async def _finished(
        self, tasks: set[asyncio.Task[None]], watch: asyncio.Task[None], until: str
    ) -> None:
        """Wait for requests under way; what ended the work is raised."""
        while True:
            await asyncio.wait({*tasks, watch}, return_when=asyncio.FIRST_COMPLETED)
            self._settle(tasks, watch)
            if until == asyncio.FIRST_COMPLETED or not tasks:
                return

    def _settle(self, tasks: set[asyncio.Task[None]], watch: asyncio.Task[None]) -> None:
        for task in [one for one in tasks if one.done()]:
            tasks.discard(task)
            task.result()
        if watch.done():
            watch.result()

    async def _answer(self, client: httpx.AsyncClient, request: Request) -> None:
        """One request to its end: an answer, or a reason."""
        most = most_of(request)
        reservation = self._reserve(most)
        failure = Failure("", True, False)
        try:
            for attempt in range(self.generator.attempts):
                if attempt:
                    await asyncio.sleep(self._pause(request, attempt, failure.wait))
                found = await self._attempt(client, request)
                if isinstance(found, Answer):
                    self._received(request, found, most, reservation)
                    return
                failure = found
                if failure.charged:  # it stays in the books: nobody knows what it cost
                    self.purse.spent += most
                    reservation = self._reserve(most, again=True)
                if failure.overload:
                    self.flow.overloaded(failure.wait or 0.0)
                if not failure.retried:
                    break
            self._given_up(request, failure)
            if reservation is not None:
                self.store.release([reservation])
            self.purse.open -= most
        finally:
            self.flow.in_flight -= 1

    def _reserve(self, most: Spent, *, again: bool = False) -> int | None:
        """In a budget's books before anything is sent; a killed run finds it there."""
        if not again:
            self.purse.open += most
        if self.generator.budget is None:
            return None
        return self.store.reserve(self.source, [most])[0]

    def _received(
        self, request: Request, answer: Answer, most: Spent, reservation: int | None
    ) -> None:
        cost = cost_of(answer, most)
        self.store.put(self.source, [Paid(request.digest, answer, cost, reservation)])
        self.purse.open -= most
        self.purse.spent += cost
        self.received += 1
        self.failed_in_a_row = 0
        self.flow.answered()

    def _given_up(self, request: Request, failure: Failure) -> None:
        self.failed_in_a_row += 1
        if not self.received and failure.reason == "no connection":
            raise Fatal("no connection")
        if self.failed_in_a_row >= MOST_FAILURES:
            raise Fatal(
                f"{self.failed_in_a_row} requests in a row failed, the last by: {failure.reason}"
            )
        tries = f", after {self.generator.attempts} attempts" if failure.retried else ""
        self.failures[request.digest] = f"{failure.reason}{tries}"

    async def _attempt(self, client: httpx.AsyncClient, request: Request) -> Answer | Failure:
        generator = self.generator
        key = os.environ.get(generator.key_variable, "").strip()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        path = "chat/completions" if generator.api == "chat" else "completions"
        content, began = bytearray(), time.monotonic()
        try:
            async with (
                asyncio.timeout(generator.timeout),
                client.stream(
                    "POST",
                    f"{generator.url.rstrip('/')}/{path}",
                    json=dict(request.body),
                    headers=headers,
                ) as response,
            ):
                if response.status_code in REFUSED:
                    have = "is not accepted" if key else "is needed"
                    raise Fatal(f"a key {have}: set {generator.key_variable}")
                if response.status_code == 404:
                    raise Fatal(f"knows no {path} or no model {generator.model!r} (status 404)")
                if response.status_code != 200:
                    return status_failure(response)
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > LARGEST:
                        return Failure(f"a reply of over {LARGEST:,} bytes", False, True)
                kind = response.headers.get("content-type", "")
                return read_reply(bytes(content), kind, generator.api, time.monotonic() - began)
        except Unusable as error:
            return Failure(str(error), True, True)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, UnicodeError) as error:
            return transport_failure(error)

    def _pause(self, request: Request, attempt: int, wait: float | None) -> float:
        """Seconds: doubled each time, a part of it by the request's digest, so that requests which
        failed together do not come back together; what the endpoint asks for at least."""
        mixed = hashlib.sha256(f"{request.digest}:{attempt}".encode()).digest()
        share = 0.5 + int.from_bytes(mixed[:4], "big") / 2**33
        own = min(LONGEST_PAUSE, PAUSE * 2.0 ** (attempt - 1)) * share
        return own if wait is None else max(own, wait)

    async def _watch(self, tell: Callable[[Progress], None], poll: Callable[[], None]) -> None:
        while True:
            poll()
            tell(self._progress())
            await asyncio.sleep(POLL)

    def _progress(self) -> Progress:
        seconds = max(1e-9, time.monotonic() - self.started)
        return Progress(
            done=self.known + self.received + len(self.failures),
            total=self.total,
            known=self.known,
            in_flight=self.flow.in_flight,
            per_second=self.received / seconds,
            spent=self.purse.spent,
            money=self.purse.money,
        )
