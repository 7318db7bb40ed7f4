"""What asking costs beside the endpoint: `python bench/language_models.py [REQUESTS]`.

Documents from a server in a process of its own that answers at once, and 100,000 requests (or
REQUESTS) that are served from the store; exit code 1 where a document takes more than 5 ms.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignment_dagster.language_models.answer import Answer
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.cost import Cost
from alignment_dagster.language_models.endpoint import ask
from alignment_dagster.language_models.progress import Progress
from alignment_dagster.language_models.request import Request
from alignment_dagster.study.synthesis import OpenAICompatible
from tests.support.endpoint_requests import SOURCE, generator_of, requests_of
from tests.support.endpoint_server import EndpointServer

DOCUMENTS = 2_000
STORED = 100_000
PROMPT = "Write what an assistant does where it finds a mistake of its own. " * 15
"""About a thousand characters."""
CEILING = 5.0
"""Milliseconds of a document."""


def serve() -> None:
    """Until the standard input ends."""
    with EndpointServer() as server:
        print(server.url, flush=True)
        sys.stdin.read()
        print(json.dumps([server.bodies.total(), server.highest]), flush=True)


def plan(generator: OpenAICompatible, count: int) -> Iterator[Request]:
    """Requests, made when they are wanted."""
    for number in range(count):
        yield from requests_of(generator, [f"{PROMPT}{number}"])


def peak() -> float:
    """MiB that this process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_asked(folder: Path, concurrency: int) -> float:
    """Milliseconds of a document; prints them with the counts."""
    command = [sys.executable, __file__, "serve"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen(command, **pipes) as server,  # type: ignore[call-overload]
        AnswerStore(folder / f"asked-{concurrency}.sqlite") as store,
    ):
        url = server.stdout.readline().strip()
        generator = generator_of(url, concurrency=concurrency, budget={"tokens": 10**9})
        started, before = time.monotonic(), os.times()
        reasons = ask(
            plan(generator, DOCUMENTS), SOURCE, generator, store, lambda _: None, lambda: None
        )
        seconds, after = time.monotonic() - started, os.times()
        asked, highest = json.loads(server.communicate()[0])
    each = 1000 * seconds / DOCUMENTS
    own = 1000 * (after.user + after.system - before.user - before.system) / DOCUMENTS
    print(
        f"{concurrency:4} at a time: {DOCUMENTS:,} documents, {asked:,} requests, {len(reasons)} "
        f"without an answer, {highest} in flight at most: {each:.2f} ms a document, "
        f"{own:.2f} ms of processor time",
        flush=True,
    )
    return each


def measure_stored(folder: Path, count: int) -> None:
    """Prints time and memory of a run that asks nothing."""
    generator = generator_of("http://127.0.0.1:9/v1")
    answer = Answer("x" * 2_000, "small", 300, 400, "stop", 1.0, "2026-01-01T00:00:00+00:00")
    with AnswerStore(folder / "stored.sqlite") as store:
        with store.transaction():
            for request in plan(generator, count):
                store.put(SOURCE, Cost(300, 400), {request.digest: answer})
        before, started = peak(), time.monotonic()
        told: list[Progress] = []
        ask(plan(generator, count), SOURCE, generator, store, told.append, lambda: None)
        seconds = time.monotonic() - started
        print(
            f"{told[-1].stored:,} of {count:,} requests from the store: {seconds:.1f} s, "
            f"{told[-1].answered} asked; {peak():.0f} MiB at most, {peak() - before:.0f} more than "
            "before",
            flush=True,
        )
        started = time.monotonic()
        found = sum(store.get(request.digest) is not None for request in plan(generator, count))
        print(f"{found:,} answers read: {time.monotonic() - started:.1f} s", flush=True)


def main() -> int:
    """Print the table; 1 where the ceiling does not hold."""
    if sys.argv[1:] == ["serve"]:
        serve()
        return 0
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        slowest = max(measure_asked(folder, concurrency) for concurrency in (1, 16, 128))
        measure_stored(folder, int(sys.argv[1]) if len(sys.argv) > 1 else STORED)
    return int(slowest > CEILING)


if __name__ == "__main__":
    sys.exit(main())
