"""Each request ends in a stored answer or with a reason, within the budget; none is asked twice."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.language_models import endpoint, pace
from alignment_dagster.language_models.answer import find_fault
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.cost import most_cost
from alignment_dagster.language_models.pace import Window, back_off, retry_after
from alignment_dagster.language_models.progress import Progress
from tests.support.checkout import CHECKOUT
from tests.support.endpoint_requests import (
    KEY_VARIABLE,
    SOURCE,
    asked,
    generator_of,
    requests_of,
)
from tests.support.endpoint_server import COMPLETION, PROMPT, EndpointServer

KEY = "sk-not-to-be-seen-4711"
FAULTS = {
    "surrogate": "half a character",
    "control": "a control character (U+0007)",
    "long": "more than a document may have",
    "empty": "an empty answer",
    "null": "an empty answer",
    "other_model": "another model answered",
    "much_usage": "more than were asked for",
    "parts": None,
    "no_usage": None,
    "odd_usage": None,
}
"""Behaviour → what is wrong with its answer."""
REASONS = {
    "status_400": "HTTP status 400",
    "status_413": "HTTP status 413",
    "status_429": "HTTP status 429, after 3 attempts",
    "status_500": "HTTP status 500, after 3 attempts",
    "status_204": "HTTP status 204",
    "silent": "no answer in time, after 3 attempts",
    "drips": "no answer in time, after 3 attempts",
    "cut": "the connection was cut",
    "no_json": "a reply that is not JSON, after 3 attempts",
    "nested": "a reply that is not JSON, after 3 attempts",
    "html": "a reply that is not declared as JSON, after 3 attempts",
    "shape": "a reply that is no chat completion",
    "huge": "a reply of more than 8,388,608 bytes",
    "compressed": "a reply that is compressed",
    "redirect": "HTTP status 307: redirects are not followed",
}
"""Behaviour → why no answer comes of it."""
PASSING = ("status_429", "status_500", "status_503", "cut", "no_json", "html", "wait_seconds")
"""Behaviours of a first attempt, after which the second one is answered."""


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    with EndpointServer() as started:
        yield started


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PAUSE", 0.02)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def test_each_request_of_a_misbehaving_endpoint_ends_in_an_answer_or_with_a_reason(
    server: EndpointServer,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    generator = generator_of(server.url, timeout=0.4, concurrency=8)
    names = [*FAULTS, *REASONS]
    texts = ["good", *(f"[wrong:{name}]" for name in names), *(f"[once:{n}]" for n in PASSING)]
    requests = requests_of(generator, texts)
    with caplog.at_level(logging.DEBUG):
        reasons = asked(path, generator, requests)
    digests = {request.text: request.digest for request in requests}
    with AnswerStore(path) as store:
        for text in ("good", *(f"[once:{name}]" for name in PASSING)):
            answer = store.get(digests[text])
            assert answer is not None, text
            assert find_fault(answer, generator) is None
        for name, fault in FAULTS.items():
            answer = store.get(digests[f"[wrong:{name}]"])
            assert answer is not None, name
            found = find_fault(answer, generator)
            assert (found is None) if fault is None else (fault in str(found)), name
        for name, reason in REASONS.items():
            assert reason in reasons[digests[f"[wrong:{name}]"]], name
            assert store.get(digests[f"[wrong:{name}]"]) is None
    assert len(reasons) == len(REASONS)
    assert server.authorizations == {f"Bearer {KEY}"}
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
    said = "\n".join([caplog.text, *reasons.values()])
    assert KEY.encode() not in kept
    assert KEY not in said
    assert "SERVER TEXT" not in said


def test_completions_are_asked_as_texts(server: EndpointServer, path: Path) -> None:
    generator = generator_of(server.url, api="completions")
    (request,) = requests_of(generator, ["go on"])
    assert not asked(path, generator, [request])
    (body,) = map(json.loads, server.bodies)
    assert body["prompt"].endswith("go on")
    with AnswerStore(path) as store:
        answer = store.get(request.digest)
    assert answer is not None
    assert answer.text


def test_a_prompt_with_half_a_character_is_asked(server: EndpointServer, path: Path) -> None:
    generator = generator_of(server.url)
    assert not asked(path, generator, requests_of(generator, ["half \udc00"]))


@pytest.mark.parametrize(
    ("status", "says"), [(401, KEY_VARIABLE), (403, KEY_VARIABLE), (402, "account"), (404, "small")]
)
def test_what_no_request_can_pass_ends_at_once(
    server: EndpointServer, path: Path, status: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    generator = generator_of(server.url)
    texts = [f"{number} [wrong:status_{status}]" for number in range(50)]
    with pytest.raises(DataError, match=says) as caught:
        asked(path, generator, requests_of(generator, texts))
    assert server.bodies.total() == 1
    assert KEY not in str(caught.value)
    with AnswerStore(path) as store:
        assert store.spent(SOURCE).tokens == 0


@pytest.mark.parametrize("key", ["two words", "ключ", "line\nbreak"])
def test_a_key_that_cannot_be_sent_is_not_quoted(
    path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    generator = generator_of("http://127.0.0.1:9/v1")
    with pytest.raises(DataError, match=KEY_VARIABLE) as caught:
        asked(path, generator, requests_of(generator, ["one"]))
    assert key not in str(caught.value)


def test_an_endpoint_that_is_not_there_is_said_before_anything_is_spent(path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        generator = generator_of(f"http://127.0.0.1:{taken.getsockname()[1]}/secret-path/v1")
        with pytest.raises(DataError, match="no connection") as caught:
            asked(path, generator, requests_of(generator, map(str, range(9))))
    assert "secret-path" not in str(caught.value)
    with AnswerStore(path) as store:
        assert store.spent(SOURCE).tokens == 0


def test_no_proxy_stands_between_this_machine_and_itself(
    server: EndpointServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    generator = generator_of(server.url)
    assert not asked(path, generator, requests_of(generator, ["one"]))


def test_many_failures_in_a_row_end_it(server: EndpointServer, path: Path) -> None:
    generator = generator_of(server.url)
    texts = ["good", *(f"{number} [wrong:status_400]" for number in range(200))]
    with pytest.raises(DataError, match=r"20 requests in a row.*status 400; 1 answers are kept"):
        asked(path, generator, requests_of(generator, texts))
    assert server.bodies.total() < 60


def test_equal_requests_are_asked_once_and_answered_ones_never(
    server: EndpointServer, path: Path
) -> None:
    generator = generator_of(server.url)
    requests = requests_of(generator, [str(number % 40) for number in range(200)])
    told: list[Progress] = []
    assert not asked(path, generator, requests, told.append, total=200)
    assert not asked(path, generator, requests, told.append, total=200)
    assert server.bodies.total() == 40
    last = told[-1]
    assert (last.stored, last.answered, last.done, last.total) == (200, 0, 200, 200)
    assert last.spent.tokens == 40 * (PROMPT + COMPLETION)


def test_requests_in_flight_stay_at_the_limit(server: EndpointServer, path: Path) -> None:
    server.delay = 0.15
    generator = generator_of(server.url, concurrency=12)
    assert not asked(path, generator, requests_of(generator, map(str, range(97))))
    assert server.highest == 12
    assert server.mean_in_flight() > 0.7 * 12


def test_a_crowded_endpoint_is_asked_less_and_nothing_is_lost(
    server: EndpointServer, path: Path
) -> None:
    server.delay, server.crowd = 0.005, 4
    generator = generator_of(server.url, concurrency=16, attempts=10)
    requests = requests_of(generator, map(str, range(200)))
    assert not asked(path, generator, requests)
    with AnswerStore(path) as store:
        assert len(store.answered(one.digest for one in requests)) == 200
    late = server.seen_in_flight[len(server.seen_in_flight) // 2 :]
    assert sum(late) / len(late) < 6


def test_a_window_is_halved_once_for_what_was_sent_together_and_grows_back() -> None:
    window = Window(16)
    assert window.has_room(0)
    assert not window.has_room(1)
    window.open()
    sent = time.monotonic()
    for _ in range(8):
        window.shrink(sent)
    assert window.size == 8
    for _ in range(200):
        window.grow()
    assert window.size == 16


def test_what_the_endpoint_asks_to_wait_is_waited(server: EndpointServer, path: Path) -> None:
    generator = generator_of(server.url)
    started = time.monotonic()
    assert not asked(path, generator, requests_of(generator, ["[once:wait_date]"]))
    assert time.monotonic() - started > 0.9


def test_retry_after_is_read_in_both_forms_and_bounded() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 85 < retry_after(later) <= 90
    assert retry_after("2.5") == 2.5
    assert retry_after("99999999") == pace.LONGEST_WAIT
    assert retry_after("inf") == pace.LONGEST_WAIT
    for nothing in (None, "", "soon", "nan", "-3", "Mon, 01 Jan 1990 00:00:00 GMT"):
        assert retry_after(nothing) == 0


def test_pauses_double_and_are_the_same_for_the_same_request() -> None:
    pauses = [back_off("digest", attempt) for attempt in range(1, 30)]
    assert pauses == [back_off("digest", attempt) for attempt in range(1, 30)]
    assert all(0.5 <= pause / (pace.PAUSE * 2**n) <= 1 for n, pause in enumerate(pauses[:5]))
    assert max(pauses) <= pace.LONGEST_PAUSE


def test_a_budget_is_never_exceeded_and_what_was_answered_is_kept(
    server: EndpointServer, path: Path
) -> None:
    generator = generator_of(server.url, concurrency=6, budget={"tokens": 2_000})
    requests = requests_of(generator, [f"[wrong:no_usage] {n:03d}" for n in range(100)])
    most = most_cost(requests[0], None).tokens
    fitting = 2_000 // most
    with pytest.raises(
        DataError, match=rf"'written': budget\.tokens: .*{fitting} answers are kept"
    ):
        asked(path, generator, requests)
    with AnswerStore(path) as store:
        assert store.spent(SOURCE).tokens == fitting * most <= 2_000
        assert len(store.answered(one.digest for one in requests)) == fitting
    assert server.bodies.total() == fitting


def test_reported_usage_makes_room_and_time_outs_count_in_full(
    server: EndpointServer, path: Path
) -> None:
    price = {"input": 1e6, "output": 1e6, "currency": "EUR"}
    generator = generator_of(
        server.url, budget={"money": 1_000}, price=price, timeout=0.2, attempts=1
    )
    requests = requests_of(generator, ["good", "[wrong:status_500]", "[wrong:silent]"])
    asked(path, generator, requests)
    most = most_cost(requests[2], generator.price)
    with AnswerStore(path) as store:
        spent = store.spent(SOURCE, "EUR")
    assert spent.tokens == PROMPT + COMPLETION + most.tokens
    assert spent.money == pytest.approx(spent.tokens)
    with pytest.raises(DataError, match=r"budget\.money: 1,000\.0000 EUR may be spent"):
        asked(path, generator, requests_of(generator, [f"{n}" for n in range(100)]))
    with AnswerStore(path) as store:
        assert store.spent(SOURCE, "EUR").money <= 1_000


def test_whoever_stops_it_keeps_what_arrived_and_leaves_nothing_running(
    server: EndpointServer, path: Path
) -> None:
    server.delay = 0.01
    generator = generator_of(server.url, concurrency=4)
    requests = requests_of(generator, map(str, range(10_000)))
    until = time.monotonic() + 0.4

    def stop() -> None:
        if time.monotonic() > until:
            raise KeyError("stop")

    with pytest.raises(KeyError):
        asked(path, generator, requests, poll=stop)
    sent = server.bodies.total()
    with AnswerStore(path) as store:
        kept = len(store.answered(one.digest for one in requests))
    assert sent - 4 <= kept <= sent
    time.sleep(0.1)
    assert server.bodies.total() == sent


def test_a_plan_that_fails_ends_it_with_its_own_error(
    server: EndpointServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "GROUP", 32)
    generator = generator_of(server.url)

    def plan() -> Iterator[object]:
        yield from requests_of(generator, map(str, range(endpoint.GROUP)))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asked(path, generator, plan())  # type: ignore[arg-type]
    with AnswerStore(path) as store:
        assert store.spent(SOURCE).completion_tokens >= COMPLETION


KILLED = """
import sys
from pathlib import Path
from tests.support.endpoint_requests import asked, generator_of, requests_of

generator = generator_of(sys.argv[1], concurrency=4)
print("begun", flush=True)
assert not asked(Path(sys.argv[2]), generator, requests_of(generator, map(str, range(150))))
"""


def test_a_killed_process_asks_nothing_twice_but_what_was_in_flight_and_loses_nothing(
    server: EndpointServer, path: Path
) -> None:
    server.delay = 0.02
    command = [sys.executable, "-c", KILLED, server.url, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(command, env=environment))
        deadline = time.monotonic() + 60
        while server.answered.total() < 40 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    first = server.answered.total()
    assert 40 <= first < 150
    generator = generator_of(server.url, concurrency=4)
    requests = requests_of(generator, map(str, range(150)))
    most = most_cost(requests[0], None).tokens
    with AnswerStore(path) as store:
        kept = len(store.answered(one.digest for one in requests))
        left = store.spent(SOURCE).tokens - kept * (PROMPT + COMPLETION)
    assert kept >= first - 4
    assert left <= 4 * (most + 4)
    assert not asked(path, generator, requests)
    assert len(server.bodies) == 150
    assert sum(count - 1 for count in server.bodies.values()) <= 4
    assert max(server.bodies.values()) <= 2
    with AnswerStore(path) as store:
        assert len(store.answered(one.digest for one in requests)) == 150
        assert store.spent(SOURCE).tokens == 150 * (PROMPT + COMPLETION) + left
