"""All requests of a source, asked at an endpoint: each ends in a stored answer or with a reason."""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import count, islice
from typing import NamedTuple

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.connection import Connection, Unreachable
from alignment_dagster.language_models.cost import FREE, Cost, budget_end, most_cost, reported_cost
from alignment_dagster.language_models.pace import Window, back_off
from alignment_dagster.language_models.progress import Progress
from alignment_dagster.language_models.reply import NoReply
from alignment_dagster.language_models.request import Request
from alignment_dagster.study.synthesis import OpenAICompatible

GROUP = 512
"""Requests that are looked up in the store together."""
LOOK = 0.1
"""Seconds between two looks at whether to go on."""
SHORTEST = 0.01
"""Seconds before the budget is looked at again."""
TELL = 1.0
"""Seconds between two words about the progress."""
FAILURES = 20
"""Requests that are given up in a row before the source is; as many as are under way, if more."""


def ask(
    requests: Iterable[Request],
    source: str,
    generator: OpenAICompatible,
    store: AnswerStore,
    tell: Callable[[Progress], None],
    poll: Callable[[], None],
    total: int | None = None,
) -> Mapping[str, str]:
    """Ask what has no answer yet; what comes is stored at once.

    Args:
        requests: read as they are needed; equal ones are asked once.
        source: whose spending it is.
        tell: is told how far it is, about every second and at the end.
        poll: raises where it is to stop; called several times a second.
        total: how many requests there are, where that is known.

    Returns:
        Digest of a request → why it has no answer. Another call asks it again.

    Raises:
        DataError: if the endpoint cannot be used, or the budget does not suffice; what was answered
            until then is kept.
    """
    return asyncio.run(_Questions(requests, source, generator, store, tell, poll, total).run())


class _Question(NamedTuple):
    """A request before or under an attempt; those that are due earlier come first."""

    due: float
    """By the monotonic clock."""
    turn: int
    """Of all questions, no two have the same."""
    attempt: int
    """From 1."""
    request: Request


class _Questions:
    """One loop sends and counts; an attempt is a task that stores its own answer."""

    def __init__(
        self,
        requests: Iterable[Request],
        source: str,
        generator: OpenAICompatible,
        store: AnswerStore,
        tell: Callable[[Progress], None],
        poll: Callable[[], None],
        total: int | None,
    ) -> None:
        self._total = total
        self._source, self._generator, self._store = source, generator, store
        self._tell, self._poll = tell, poll
        self._window = Window(generator.concurrency)
        self._new = self._unanswered(iter(requests))
        self._waiting: list[_Question] = []
        """A heap, of as many as may be under way."""
        self._in_flight: dict[int, asyncio.Task[None]] = {}
        self._ended: asyncio.Queue[tuple[_Question, float, Answer | Exception]] = asyncio.Queue()
        self._open: set[str] = set()
        """The digests of what waits or is under way."""
        self._reasons: dict[str, str] = {}
        self._turns = count()
        self._exhausted = False
        self._stored = self._answered = self._failures = 0
        self._started: float | None = None
        self._told = self._looked = 0.0

    async def run(self) -> Mapping[str, str]:
        async with Connection(self._source, self._generator) as connection:
            try:
                self._look()
                while self._send(connection):
                    await self._take(connection)
                    self._look()
            finally:
                for task in self._in_flight.values():
                    task.cancel()
                await asyncio.gather(*self._in_flight.values(), return_exceptions=True)
                self._store.sync()
        self._tell(self._progress())
        return self._reasons

    def _unanswered(self, requests: Iterator[Request]) -> Iterator[Request]:
        while group := list(islice(requests, GROUP)):
            known = self._store.answered([request.digest for request in group])
            for request in group:
                digest = request.digest
                # Equal ones may have been asked since the group was looked up.
                asked = digest in self._open or digest in self._reasons
                if asked or digest in known or self._store.answered([digest]):
                    self._stored += 1
                else:
                    yield request
            self._look()

    def _send(self, connection: Connection) -> bool:
        """Send what may be sent now.

        Returns:
            Whether there is anything left to send or to wait for.
        """
        while self._window.has_room(len(self._in_flight)):
            question = self._next()
            if question is None:
                break
            most = most_cost(question.request, self._generator.price)
            reserved = self._store.reserve(self._source, most, self._generator.budget)
            if isinstance(reserved, str):
                if not self._in_flight:
                    raise budget_end(self._source, reserved, self._stored + self._answered)
                heapq.heappush(self._waiting, question)
                break
            if self._started is None:
                self._started = time.monotonic()
            attempt = self._attempt(connection, question, reserved, most)
            self._in_flight[question.turn] = asyncio.create_task(attempt)
        return bool(self._in_flight or self._waiting or not self._exhausted)

    def _next(self) -> _Question | None:
        now = time.monotonic()
        if self._waiting and self._waiting[0].due <= now:
            return heapq.heappop(self._waiting)
        if self._exhausted or len(self._waiting) >= self._window.limit:
            return None
        request = next(self._new, None)
        if request is None:
            self._exhausted = True
            return None
        self._open.add(request.digest)
        return _Question(now, next(self._turns), 1, request)

    async def _attempt(
        self, connection: Connection, question: _Question, reserved: int, most: Cost
    ) -> None:
        """Nothing else runs between a reply's last byte and its commit."""
        sent_at = time.monotonic()
        outcome: Answer | Exception
        try:
            try:
                outcome = await connection.ask(question.request)
            except (NoReply, DataError) as error:
                outcome = error
                charged = isinstance(error, NoReply) and error.charged
                self._store.put(self._source, most if charged else FREE, {}, reservation=reserved)
            else:
                cost = reported_cost(outcome, most, self._generator.price)
                answers = {question.request.digest: outcome}
                self._store.put(self._source, cost, answers, reservation=reserved)
        except Exception as error:
            outcome = error
        self._ended.put_nowait((question, sent_at, outcome))

    async def _take(self, connection: Connection) -> None:
        """Wait for an attempt to end, or until another one may begin, and look at what came."""
        pause = LOOK
        if self._waiting and self._window.has_room(len(self._in_flight)):
            pause = min(LOOK, max(SHORTEST, self._waiting[0].due - time.monotonic()))
        ended = []
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                ended.append(await self._ended.get())
        while not self._ended.empty():
            ended.append(self._ended.get_nowait())
        for one in ended:
            self._judge(connection, *one)

    def _judge(
        self,
        connection: Connection,
        question: _Question,
        sent_at: float,
        outcome: Answer | Exception,
    ) -> None:
        del self._in_flight[question.turn]
        digest = question.request.digest
        if isinstance(outcome, Answer):
            self._window.open()
            self._window.grow()
            self._open.discard(digest)
            self._answered += 1
            self._failures = 0
            return
        if not isinstance(outcome, NoReply):
            raise outcome
        if isinstance(outcome, Unreachable) and not self._window.is_open:
            raise connection.failed("no connection")
        self._window.open()
        if outcome.crowded:
            self._window.shrink(sent_at)
            self._window.close(outcome.wait)
        if outcome.again and question.attempt < self._generator.attempts:
            pause = max(outcome.wait, back_off(digest, question.attempt))
            again = question._replace(
                due=time.monotonic() + pause,
                turn=next(self._turns),
                attempt=question.attempt + 1,
            )
            heapq.heappush(self._waiting, again)
            return
        tried = f", after {question.attempt} attempts" if question.attempt > 1 else ""
        self._reasons[digest] = f"{outcome}{tried}"
        self._open.discard(digest)
        self._failures += 1
        if self._failures >= max(FAILURES, self._generator.concurrency):
            raise DataError(
                f"source {self._source!r}: {self._failures} requests in a row have no answer, the "
                f"last one: {self._reasons[digest]}; {self._stored + self._answered:,} answers are "
                "kept and not asked again"
            )

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            self._poll()
        if now - self._told >= TELL:
            self._told = now
            self._store.sync()
            self._tell(self._progress())

    def _progress(self) -> Progress:
        price = self._generator.price
        return Progress(
            total=self._total,
            stored=self._stored,
            answered=self._answered,
            given_up=len(self._reasons),
            in_flight=len(self._in_flight),
            spent=self._store.spent(self._source, price.currency if price else ""),
            seconds=0.0 if self._started is None else time.monotonic() - self._started,
        )
