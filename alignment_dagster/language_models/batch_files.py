"""Files of vendors' batch interfaces, in OpenAI's format: requests to send, results to take in.

What a written line may cost is reserved until its result is read; writing it again reserves nothing
more.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.atomic_files import new_folder
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.foreign_files import open_regular
from alignment_dagster.foundation.json_objects import JsonFault, parse_object
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.cost import FREE, most_cost, reported_cost
from alignment_dagster.language_models.reply import LARGEST, NoReply, answer_of
from alignment_dagster.language_models.request import Request
from alignment_dagster.study.synthesis import OpenAICompatible

MOST_LINES = 50_000
"""Of a file, as OpenAI takes them."""
MOST_BYTES = 190_000_000
"""Of a file; OpenAI takes 200 MB."""
URLS = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}


@dataclass(frozen=True)
class WrittenBatch:
    """Files of requests."""

    files: tuple[Path, ...]
    requests: int
    """In them."""
    left_out: int
    """Without an answer, and beyond the budget."""
    reason: str
    """Why the budget ended; empty where nothing was left out."""


@dataclass(frozen=True)
class ReadBatch:
    """What a file of results held."""

    answers: int
    """New ones."""
    known: int
    """Answered before."""
    reasons: Mapping[str, str]
    """Digest of a request → file, line, and why it has no answer; it is asked again."""

    @property
    def counts(self) -> Counter[str]:
        """How often each reason was given, without file and line."""
        return Counter(reason.split(": ", 1)[1] for reason in self.reasons.values())


def write_batch(
    requests: Iterable[Request],
    source: str,
    generator: OpenAICompatible,
    store: AnswerStore,
    folder: Path,
) -> WrittenBatch:
    """Write what has no answer yet, as far as the budget goes, to files of a new folder.

    Args:
        source: whose spending it is.

    Raises:
        AlignmentError: if the folder holds something, or cannot be written; then there is none.
    """
    seen: set[str] = set()
    written = left_out = 0
    reason = ""
    files: list[str] = []
    with new_folder(folder) as aside:
        lines, size = MOST_LINES, 0
        for request in requests:
            digest = request.digest
            if digest in seen or store.answered([digest]):
                continue
            seen.add(digest)
            most = most_cost(request, generator.price)
            # After the first that does not fit none is taken: which ones are is plain.
            reason = reason or (
                store.reserve_for_batch(source, digest, most, generator.budget) or ""
            )
            if reason:
                left_out += 1
                continue
            line = _request_line(request)
            if lines == MOST_LINES or size + len(line) > MOST_BYTES:
                files.append(f"requests-{len(files) + 1:05d}.jsonl")
                lines = size = 0
            with (aside / files[-1]).open("ab") as file:
                file.write(line)
            lines, size, written = lines + 1, size + len(line), written + 1
    return WrittenBatch(tuple(folder / name for name in files), written, left_out, reason)


def read_batch(
    path: Path,
    requests: Iterable[Request],
    source: str,
    generator: OpenAICompatible,
    store: AnswerStore,
) -> ReadBatch:
    """Take in a file of results, all of it or nothing; reading it again changes nothing.

    Args:
        requests: of the source, all of them.

    Raises:
        DataError: names file and line: what is no result, a request that the source does not have,
            or one that has a line already.
    """
    most = {request.digest: most_cost(request, generator.price) for request in requests}
    first: dict[str, int] = {}
    reasons: dict[str, str] = {}
    answers = known = 0
    with store.transaction():
        for number, digest, outcome in _outcomes(path, generator):
            if digest not in most:
                raise _at(path, number, f"source {source!r} has no request {digest[:80]!r}")
            if digest in first:
                raise _at(path, number, f"the request of line {first[digest]} again")
            first[digest] = number
            is_known = bool(store.answered([digest]))
            known += is_known
            if isinstance(outcome, Answer):
                cost = reported_cost(outcome, most[digest], generator.price)
                store.put_of_batch(source, digest, cost, {digest: outcome})
                answers += not is_known
            else:
                cost = most[digest] if outcome.charged else FREE
                store.put_of_batch(source, digest, cost, {})
                if not is_known:
                    reasons[digest] = f"{path.name}:{number}: {outcome}"
    return ReadBatch(answers, known, reasons)


def _request_line(request: Request) -> bytes:
    plain = {
        "custom_id": request.digest,
        "method": "POST",
        "url": URLS[request.api],
        "body": request.body,
    }
    return json.dumps(plain).encode() + b"\n"


def _outcomes(
    path: Path, generator: OpenAICompatible
) -> Iterator[tuple[int, str, Answer | NoReply]]:
    """Line, request, and what came for it."""
    try:
        with open_regular(path) as file:
            number = 0
            while line := file.readline(LARGEST + 1):
                number += 1
                if len(line) > LARGEST:
                    raise _at(path, number, f"more than {LARGEST:,} bytes")
                if line.strip():
                    yield number, *_outcome(path, number, line, generator)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _outcome(
    path: Path, number: int, line: bytes, generator: OpenAICompatible
) -> tuple[str, Answer | NoReply]:
    try:
        result = parse_object(line.decode())
    except UnicodeDecodeError:
        raise _at(path, number, "not UTF-8") from None
    except JsonFault as error:
        raise _at(path, number, str(error)) from None
    digest, response = result.get("custom_id"), result.get("response")
    if not isinstance(digest, str):
        raise _at(path, number, "`custom_id`: expected text")
    if result.get("error") is not None:
        return digest, NoReply("the batch reports an error", charged=False)
    status = response.get("status_code") if isinstance(response, dict) else None
    if type(status) is not int:
        raise _at(path, number, "`response.status_code`: expected a number")
    assert isinstance(response, dict)
    return digest, _read_response(status, response, generator)


def _read_response(
    status: int, response: Mapping[str, Any], generator: OpenAICompatible
) -> Answer | NoReply:
    if status != 200:
        return NoReply(f"HTTP status {status}", charged=False)
    try:
        return answer_of(response.get("body"), generator.api, 0.0)
    except NoReply as error:
        return error


def _at(path: Path, number: int, problem: str) -> DataError:
    return DataError(f"{path}:{number}: {problem}")
