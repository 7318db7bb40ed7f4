"""Batch files are written within the budget and taken in whole, line by line accounted for."""

import json
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.language_models import batch_files
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.batch_files import read_batch, write_batch
from alignment_dagster.language_models.cost import FREE, most_cost
from alignment_dagster.language_models.request import Request
from tests.support.endpoint_requests import SOURCE, generator_of, requests_of
from tests.support.endpoint_server import COMPLETION, PROMPT, completion

GENERATOR = generator_of("http://127.0.0.1:9/v1")


@pytest.fixture
def store(tmp_path: Path) -> AnswerStore:
    return AnswerStore(tmp_path / "answers.sqlite")


def result(request: Request, **fields: Any) -> dict[str, Any]:
    body = completion(dict(request.body), lambda _prompt: "An assistant saw it and said so.")
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {
        "id": "batch_1",
        "custom_id": request.digest,
        "response": response,
        "error": None,
        **fields,
    }


def results(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines))
    return path


def test_what_has_no_answer_is_written_once_and_its_results_settle_it(
    tmp_path: Path, store: AnswerStore
) -> None:
    requests = requests_of(GENERATOR, ["a", "b", "c", "a", "half \ud800"])
    first = read_batch(
        results(tmp_path / "0.jsonl", result(requests[0])), requests, SOURCE, GENERATOR, store
    )
    assert first.answers == 1
    written = write_batch(requests, SOURCE, GENERATOR, store, tmp_path / "batch")
    assert (written.requests, written.left_out, len(written.files)) == (3, 0, 1)
    lines = [json.loads(line) for line in written.files[0].read_text().splitlines()]
    assert [line["custom_id"] for line in lines] == [requests[n].digest for n in (1, 2, 4)]
    assert lines[0]["method"] == "POST"
    assert lines[0]["url"] == "/v1/chat/completions"
    assert lines[0]["body"] == dict(requests[1].body)
    reserved = sum(most_cost(requests[n], None).tokens for n in (1, 2, 4))
    assert store.spent(SOURCE).tokens == PROMPT + COMPLETION + reserved
    write_batch(requests, SOURCE, GENERATOR, store, tmp_path / "again")
    assert store.spent(SOURCE).tokens == PROMPT + COMPLETION + reserved
    file = results(
        tmp_path / "results.jsonl",
        result(requests[1]),
        result(requests[2], response={"status_code": 429, "body": {}}),
        result(requests[4], response=None, error={"code": "expired", "message": "SERVER TEXT"}),
    )
    found = read_batch(file, requests, SOURCE, GENERATOR, store)
    assert (found.answers, found.known) == (1, 0)
    assert found.reasons == {
        requests[2].digest: "results.jsonl:2: HTTP status 429",
        requests[4].digest: "results.jsonl:3: the batch reports an error",
    }
    assert found.counts == {"HTTP status 429": 1, "the batch reports an error": 1}
    assert store.spent(SOURCE).tokens == 2 * (PROMPT + COMPLETION)
    again = read_batch(file, requests, SOURCE, GENERATOR, store)
    assert (again.answers, again.known, len(again.reasons)) == (0, 1, 2)
    assert store.spent(SOURCE).tokens == 2 * (PROMPT + COMPLETION)


def test_the_budget_bounds_what_is_written(tmp_path: Path, store: AnswerStore) -> None:
    generator = generator_of("http://127.0.0.1:9/v1", budget={"tokens": 500})
    requests = requests_of(generator, [f"{n:02d}" for n in range(20)])
    fitting = 500 // most_cost(requests[0], None).tokens
    written = write_batch(requests, SOURCE, generator, store, tmp_path / "batch")
    assert (written.requests, written.left_out) == (fitting, 20 - fitting)
    assert "budget.tokens" in written.reason
    assert store.spent(SOURCE).tokens <= 500


def test_files_are_as_short_as_the_vendor_wants_them(
    tmp_path: Path, store: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_files, "MOST_LINES", 4)
    requests = requests_of(GENERATOR, map(str, range(10)))
    written = write_batch(requests, SOURCE, GENERATOR, store, tmp_path / "batch")
    assert [len(file.read_text().splitlines()) for file in written.files] == [4, 4, 2]
    with pytest.raises(AlignmentError, match="is not empty"):
        write_batch(requests, SOURCE, GENERATOR, store, tmp_path / "batch")


def test_a_reply_without_usage_counts_in_full(tmp_path: Path, store: AnswerStore) -> None:
    (request,) = requests_of(GENERATOR, ["a"])
    line = result(request)
    del line["response"]["body"]["usage"]
    read_batch(results(tmp_path / "r.jsonl", line), [request], SOURCE, GENERATOR, store)
    assert store.spent(SOURCE) == most_cost(request, None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[]", "expected a JSON object"),
        ({"custom_id": 7}, "`custom_id`: expected text"),
        ({"custom_id": "x", "response": {}}, "`response.status_code`: expected a number"),
        ({"custom_id": "x", "error": {}}, "source 'written' has no request 'x'"),
        ("first", "the request of line 1 again"),
    ],
)
def test_a_file_with_a_wrong_line_is_not_taken_in_at_all(
    tmp_path: Path, store: AnswerStore, line: object, says: str
) -> None:
    requests = requests_of(GENERATOR, ["a", "b"])
    first = result(requests[0])
    file = results(tmp_path / "results.jsonl", first, first if line == "first" else line)
    with pytest.raises(DataError) as caught:
        read_batch(file, requests, SOURCE, GENERATOR, store)
    assert str(caught.value).startswith(f"{file}:2: ")
    assert says in str(caught.value)
    assert store.get(requests[0].digest) is None
    assert store.spent(SOURCE) == FREE


def test_a_file_that_is_not_there_is_one_error(tmp_path: Path, store: AnswerStore) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_batch(tmp_path / "none.jsonl", [], SOURCE, GENERATOR, store)
