"""Lines that several processes append to: whole, or not there."""

import errno
import json
import resource
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from alignment_dagster.foundation import jsonl


def _append(path: Path, writer: int) -> None:
    for number in range(50):
        jsonl.append(path, [json.dumps({"writer": writer, "number": number, "text": "x" * 999})])


def test_lines_of_processes_that_append_at_once_are_all_there_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(_append, [path] * 4, range(4)))
    lines, end = jsonl.whole_lines(path)
    found = [(row["writer"], row["number"]) for row in map(json.loads, lines)]
    assert sorted(found) == [(writer, number) for writer in range(4) for number in range(50)]
    assert end == path.stat().st_size


def test_what_is_left_of_a_line_is_not_read_and_is_cut_off_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a"')
    assert jsonl.whole_lines(path) == ([b'{"a": 1}'], 9)
    jsonl.append(path, ['{"a": 2}'])
    assert path.read_bytes() == b'{"a": 1}\n{"a": 2}\n'
    assert jsonl.whole_lines(path, 9) == ([b'{"a": 2}'], 18)


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert jsonl.whole_lines(tmp_path / "absent.jsonl") == ([], 0)


def test_where_there_is_room_for_some_of_it_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    jsonl.append(path, ["first"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(OSError, match="No space left") as caught:
            jsonl.append(path, ["second", "the third one"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"first\n"
