"""Looks at a source: what they see, what they do not read again, and their record."""

import os
from pathlib import Path

import pytest

from alignment_dagster.corpus.sources import source_digest
from alignment_dagster.foundation.errors import DataError, DeclarationError
from alignment_dagster.graph.parent_spec import Parents
from alignment_dagster.preflight.study_check import check_study
from alignment_dagster.refresh.source_looks import FileDigests, look, read_looks, record
from alignment_dagster.steps import raw_corpus
from alignment_dagster.steps.registry import STEPS
from tests.support.tiny_study import TinyStudy, write_jsonl

REFRESH = {"schedule": {"cron": "0 3 * * *"}}


def test_a_look_sees_what_reading_would_see(tiny: TinyStudy) -> None:
    source, digests = tiny.load().source("stories"), FileDigests()
    digest = source_digest(source, tiny.data)
    assert not look(source, tiny.data, digest, digests).changed
    write_jsonl(tiny.data / "stories.jsonl", [{"text": "Other words."}])
    found = look(source, tiny.data, digest, digests)
    assert found.changed
    assert found.digest == source_digest(source, tiny.data)


def test_a_file_of_the_same_size_and_time_of_change_is_seen_to_have_changed(
    tiny: TinyStudy,
) -> None:
    path, digests = tiny.data / "stories.jsonl", FileDigests()
    before, times = digests(path), path.stat()
    path.write_bytes(path.read_bytes().replace(b"Ann", b"Eva"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert digests(path) != before


def test_a_source_that_is_gone_is_said_with_its_name(tiny: TinyStudy) -> None:
    (tiny.data / "stories.jsonl").unlink()
    with pytest.raises(DataError, match=r"source 'stories': reader.path: .*no such file"):
        look(tiny.load().source("stories"), tiny.data, None, FileDigests())


def test_a_record_that_a_power_cut_left_unfinished_is_mended(
    tiny: TinyStudy, tmp_path: Path
) -> None:
    one = look(tiny.load().source("stories"), tiny.data, None, FileDigests())
    record(tmp_path / "looks.jsonl", [one])
    path = tmp_path / "looks.jsonl"
    path.write_bytes(path.read_bytes() + b'{"changed":tr')
    record(tmp_path / "looks.jsonl", [one])
    assert read_looks(tmp_path / "looks.jsonl") == [one, one]


def test_a_watch_on_a_file_that_is_not_there_is_said_by_the_check(tiny: TinyStudy) -> None:
    tiny.change(refresh={"watch": {"sources": ["chat", "stories"]}})
    (tiny.data / "stories.jsonl").unlink()
    expected = r"tiny\.yaml:\d+: refresh\.watch\.sources\.1: cannot be watched: source 'stories'"
    with pytest.raises(DeclarationError, match=expected):
        list(check_study(tiny.load()))


def test_a_refresh_is_no_input_of_any_artifact(tiny: TinyStudy) -> None:
    before = tiny.load()
    training = {"when": "always"}
    tiny.change(refresh={**REFRESH, "training": training, "budget": {"period": "day", "runs": 1}})
    after = tiny.load()
    assert after.declaration.refresh is not None
    for step in (step for step in STEPS.values() if step.exists(before)):
        for part in step.partitions(before) or (None,):
            assert step.config(before, part) == step.config(after, part), step.asset
            assert step.external_inputs(before, part) == step.external_inputs(after, part), (
                step.asset
            )
    one = raw_corpus.STEP.inputs(after, "stories", Parents(()))
    assert raw_corpus.STEP.inputs(before, "stories", Parents(())).digest == one.digest
