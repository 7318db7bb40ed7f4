"""What nothing refers to is collected as garbage; its records stay, and every trace is checked."""

import errno
import json
import os
import shutil
import signal
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.audit import record_tables
from alignment_dagster.audit.artifact_list import describe_artifacts
from alignment_dagster.audit.artifact_view import describe_artifact
from alignment_dagster.audit.check.scope import Findings
from alignment_dagster.audit.ledgers import build_selects
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.manifest import COLLECTED
from alignment_dagster.lineage.tombstone import is_collected, remaining_files
from alignment_dagster.refresh.retention.remove import remove
from alignment_dagster.release.dossier import verify
from alignment_dagster.study.refresh import Retention
from tests.support import record_lake
from tests.support.collected_lake import (
    IDLE,
    RECORDS,
    Small,
    create,
    declared,
    generation,
    reports,
    state,
)
from tests.support.record_lake import STUDY, publish

ONE = Retention(reports=1, days=0)


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return create(tmp_path / "small")


def labels(artifacts: Any) -> set[str]:
    return {one.label for one in artifacts}


def test_the_last_reports_stay_with_everything_behind_them(small: Small) -> None:
    found = small.collect(ONE)
    last = reports(small)[-1]
    assert labels(small.archive.ancestors([last])) == {
        one.label for one in small.archive.all() if not is_collected(one.path)
    }
    assert len(found.collect) == 6
    assert small.gaps() == ""
    assert small.checked().counts["collected as garbage"] == 6
    kept_two = create(small.folder / "again").collect(Retention(reports=2, days=0))
    assert len(kept_two.collect) == 3


def test_a_plan_alone_writes_nothing(small: Small) -> None:
    before = state(small.folder)
    assert small.plan(ONE).collect
    assert state(small.folder) == before


def test_whatever_became_current_within_the_days_stays(small: Small) -> None:
    assert small.plan(Retention(reports=1, days=2), days=1).collect == []
    assert len(small.plan(Retention(reports=1, days=2), days=3).collect) == 6


def test_what_dagster_says_is_current_stays(small: Small) -> None:
    first = reports(small)[0]
    found = small.collect(ONE, replace(IDLE, current=[first.key]))
    assert found.kept[first.key] == ("current",)
    assert not any(is_collected(one.path) for one in small.archive.ancestors([first]))


def test_a_reviewed_report_stays_with_everything_behind_it_whatever_the_decision(
    small: Small,
) -> None:
    from alignment_dagster.release.approval import approve

    first = reports(small)[0]
    approve(small.archive, first, "ann", "rejected", "not yet", None)
    found = small.collect(ONE)
    assert found.kept[first.key] == ("review",)
    assert not any(is_collected(one.path) for one in small.archive.ancestors([first]))
    assert len(found.collect) == 3
    assert small.gaps() == ""


def test_a_report_stays_whose_review_was_removed_by_hand(small: Small) -> None:
    first = reports(small)[0]
    found = small.collect(ONE, replace(IDLE, reviewed=[first.key]))
    assert found.kept[first.key] == ("review",)


def test_a_longer_retention_later_brings_nothing_back_and_breaks_nothing(small: Small) -> None:
    small.collect(ONE)
    assert small.collect(Retention(reports=9, days=90)).collect == []
    assert small.gaps() == ""


def test_of_a_collected_artifact_the_records_stay_and_readers_say_what_became_of_it(
    small: Small,
) -> None:
    first = reports(small)[0]
    small.collect(ONE)
    assert {path.name for path in first.path.iterdir()} == {*RECORDS, COLLECTED}
    said = "was collected as garbage on"
    with pytest.raises(ArtifactError, match=said):
        small.lake.open(STUDY, *first.key)
    with pytest.raises(ArtifactError, match=said):
        small.archive.require_files(small.archive.ancestors([first]))
    answer = describe_artifact(small.archive, first)
    assert said in answer.sentences[0]
    assert answer.data["signed_by"]
    assert not answer.warnings
    lines = describe_artifacts(small.archive, every=True).data["artifacts"]
    assert sum(line["collected"] is not None for line in lines) == 6
    assert (
        record_tables.build_record_tables(small.archive, small.archive.all())["artifacts"].num_rows
        == 10
    )
    views = build_selects(small.archive.all())
    assert views["logged"].count("select") == 10
    assert views["texts"].count(" as artifact") == 1


def test_the_same_inputs_make_it_anew_with_the_same_digest_and_both_stay_on_record(
    small: Small,
) -> None:
    old = small.archive.parents(reports(small)[0])[0]
    (tokenizer,) = [one for one in small.archive.all() if one.asset == "tokenizer"]
    small.collect(ONE)
    assert small.lake.find(old.provenance.inputs) is None
    for count in (2, 3):
        generation(small.lake, tokenizer, 0)
        found = small.lake.find(old.provenance.inputs)
        assert found is not None
        assert (found.provenance.generation, found.digest) == (count, old.digest)
        assert found.version != old.version
        assert small.gaps() == ""
        generation(small.lake, tokenizer, 2)
        small.collect(ONE)
        assert is_collected(found.path)
        assert small.gaps() == ""
    assert len(describe_artifact(small.archive, old).data["made_again"]) == 2


def test_an_artifact_that_is_made_anew_names_the_parents_that_are_there(small: Small) -> None:
    old = reports(small)[0]
    (tokenizer,) = [one for one in small.archive.all() if one.asset == "tokenizer"]
    small.collect(ONE)
    anew = generation(small.lake, tokenizer, 0)
    assert anew.digest == old.digest
    assert not any(is_collected(one.path) for one in small.archive.ancestors([anew]))


def test_the_verifier_of_a_dossier_takes_an_artifact_that_was_made_anew(small: Small) -> None:
    (tokenizer,) = [one for one in small.archive.all() if one.asset == "tokenizer"]
    small.collect(ONE)
    anew = generation(small.lake, tokenizer, 0)
    assert anew.provenance.generation == 2
    folder, path = f"artifacts/eval_report/all/{anew.version}", small.folder / "bundle.zip"
    with zipfile.ZipFile(path, "w") as bundle:
        for name in (verify.INDEX, verify.SIGNED):
            bundle.writestr(name, "{}")
        for file in anew.path.iterdir():
            bundle.write(file, f"{folder}/{file.name}")
    found, _ = verify.artifact(verify.Bundle(str(path)), folder, small.lake.keys.trusted())
    assert found["label"] == anew.label


def _edited(first: Artifact, other: Artifact, change: Callable[[dict[str, Any]], None]) -> None:
    import base64

    path = first.path / COLLECTED
    envelope = json.loads(path.read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(statement["predicate"])
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    path.write_text(json.dumps(envelope))


def edited_rule(first: Artifact, other: Artifact) -> None:
    _edited(first, other, lambda stone: stone.update(rule="nobody needs it"))


def edited_files(first: Artifact, other: Artifact) -> None:
    _edited(first, other, lambda stone: stone.update(files={}))


def unsigned(first: Artifact, _other: Artifact) -> None:
    path = first.path / COLLECTED
    path.write_text(json.dumps({**json.loads(path.read_text()), "signatures": []}))


def of_another(first: Artifact, other: Artifact) -> None:
    shutil.copy(other.path / COLLECTED, first.path / COLLECTED)


def no_json(first: Artifact, _other: Artifact) -> None:
    (first.path / COLLECTED).write_text("{")


def taken_away(first: Artifact, _other: Artifact) -> None:
    (first.path / COLLECTED).unlink()


def record_gone(first: Artifact, _other: Artifact) -> None:
    (first.path / "provenance.json").unlink()


def file_put_back_otherwise(first: Artifact, _other: Artifact) -> None:
    (first.path / "report").write_text("other")


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (edited_rule, "the signature of key"),
        (edited_files, "the signature of key"),
        (unsigned, "is not signed"),
        (of_another, "is about another artifact"),
        (no_json, "is damaged"),
        (taken_away, "is missing"),
        (record_gone, "provenance.json is missing"),
        (file_put_back_otherwise, "was changed"),
    ],
)
def test_an_altered_tombstone_is_found_and_nothing_more_is_collected(
    small: Small, alter: Callable[[Artifact, Artifact], None], told: str
) -> None:
    first, second, _ = reports(small)
    small.collect(Retention(reports=1, days=0))
    assert small.gaps() == ""
    alter(first, second)
    gaps = small.gaps()
    assert told in gaps
    assert first.label in gaps
    before = state(small.folder)
    with pytest.raises(ArtifactError, match="does not verify"):
        small.collect(ONE)
    assert state(small.folder) == before


def test_files_that_were_removed_by_hand_are_a_gap_and_stop_the_collection(small: Small) -> None:
    first = reports(small)[0]
    (first.path / "report").unlink()
    assert f"bytes: {first.label} report: is missing" in small.gaps()
    with pytest.raises(ArtifactError, match="is missing"):
        small.collect(ONE)
    assert not is_collected(first.path)


def test_altered_bytes_are_evidence_and_are_not_removed(small: Small) -> None:
    first = reports(small)[0]
    (first.path / "report").write_text("other")
    before = state(small.folder)
    with pytest.raises(ArtifactError, match=r"does not verify.*was changed"):
        small.collect(ONE)
    assert state(small.folder) == before


def test_a_collected_parent_of_what_is_there_is_a_gap(small: Small) -> None:
    last = reports(small)[-1]
    mix = small.archive.parents(last)[0]
    other = create(small.folder / "other")
    found = replace(other.plan(ONE), archive=small.archive, collect=[mix], folders=[])
    remove(found, declared(ONE), datetime.now(UTC))
    gaps = small.gaps()
    assert f"collected: {last.label}: its parent {mix.label} was collected as garbage" in gaps
    assert f"collected: {mix.label}: was collected, and is current" in gaps


KILLED_AT = ("mkdir", "fsync", "rename", "unlink", "rmdir")


def _killed(small: Small, number: int) -> bool:
    """Collect in a process that is killed before its operation of that number; whether it was."""
    found = small.plan(ONE)
    pid = os.fork()
    if pid == 0:
        left = [number]

        def counting(real: Callable[..., Any]) -> Callable[..., Any]:
            def operation(*arguments: Any, **options: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)

            return operation

        for name in KILLED_AT:
            setattr(os, name, counting(getattr(os, name)))
        remove(found, declared(ONE), datetime.now(UTC))
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def _whole_or_collected(small: Small) -> None:
    for artifact in small.archive.all():
        if not is_collected(artifact.path):
            small.lake.open(STUDY, *artifact.key)


@pytest.mark.slow
def test_killed_before_any_operation_all_is_whole_or_collected_and_the_next_time_completes(
    tmp_path: Path,
) -> None:
    kept = create(tmp_path / "kept", reports=2)
    number, half = 0, 0
    while True:
        small = Small(tmp_path / "killed")
        shutil.rmtree(small.folder, ignore_errors=True)
        shutil.copytree(kept.folder, small.folder)
        killed = _killed(small, number)
        _whole_or_collected(small)
        checked = small.checked()
        assert not checked.gaps
        half += any("the process was stopped" in note for note in checked.notes)
        small.collect(ONE)
        assert not any(small.plan(ONE).sizes)
        assert not any(any(remaining_files(one.path)) for one in small.archive.all()
                       if is_collected(one.path))  # fmt: skip
        assert small.checked() == Findings({}, {}, small.checked().counts)
        if not killed:
            break
        number += 1
    assert number > 15
    assert half > 5


def test_a_lake_that_cannot_be_written_to_is_said_and_stays_as_it_was(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Any, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    before = state(small.folder)
    found = small.plan(ONE)
    monkeypatch.setattr(os, "mkdir", refused)
    with pytest.raises(ArtifactError, match="Read-only file system"):
        remove(found, declared(ONE), datetime.now(UTC))
    monkeypatch.undo()
    assert state(small.folder) == before


def test_nothing_is_collected_while_something_is_made_and_making_waits_for_the_end(
    small: Small,
) -> None:
    lake, made = small.lake, threading.Event()
    with (
        lake.shared_lock(STUDY),
        lake.shared_lock(STUDY),
        pytest.raises(ArtifactError, match="is being made or reviewed"),
        lake.exclusive_lock(STUDY),
    ):
        pass

    def make() -> None:
        with lake.shared_lock(STUDY):
            made.set()

    thread = threading.Thread(target=make)
    with lake.exclusive_lock(STUDY):
        thread.start()
        assert not made.wait(0.2)
    assert made.wait(10)
    thread.join()


def test_work_stays_while_it_is_wanted_or_young_and_goes_when_it_is_in_the_lake(
    small: Small,
) -> None:
    last = reports(small)[-1]
    work = small.home.work / STUDY
    done = work / "eval_report" / last.provenance.input_digest[:16]
    wanted, old, young = (work / "tokenizer" / name for name in ("wanted", "old", "young"))
    for folder in (done, wanted, old, young):
        folder.mkdir(parents=True)
        (folder / "state").write_text("x" * 10)
    for path in (wanted, old):
        for one in (path / "state", path):
            os.utime(one, (1, 1))
    staged = small.home.lake / ".staging"
    (staged / f"{os.getpid()}-aa").mkdir(parents=True)
    (staged / "999999999-aa").mkdir()
    use = replace(IDLE, wanted=frozenset({("tokenizer", "wanted")}))
    found = small.plan(Retention(reports=9, days=30), use, days=0)
    assert set(found.folders) == {done, old, staged / "999999999-aa"}
    assert found.freed == 20
    remove(found, declared(ONE), datetime.now(UTC))
    assert sorted(path.name for path in work.glob("*/*")) == ["wanted", "young"]
    assert [path.name for path in staged.iterdir()] == [f"{os.getpid()}-aa"]
    busy = replace(use, others=True)
    (staged / "999999999-aa").mkdir()
    assert small.plan(Retention(reports=9, days=30), busy, days=0).folders == []


def test_a_lake_of_another_format_is_refused(small: Small) -> None:
    (small.home.lake / "FORMAT").write_text("1\n")
    with pytest.raises(ArtifactError, match="is a lake of format 1"):
        small.plan(ONE)


def test_an_artifact_of_a_stopped_run_stays_as_long_as_the_days_say(small: Small) -> None:
    loose = publish(small.lake, "tokenizer", None, {"rows": b"x"}, (), "other", current=False)
    assert loose.provenance.started.startswith("2026-01-01")
    assert loose.label in labels(small.plan(ONE).collect)
    assert record_lake.STUDY == STUDY
