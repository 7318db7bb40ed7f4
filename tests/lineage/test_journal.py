"""The journal's chain breaks wherever a line was touched, and survives a power cut and a crowd."""

import json
import multiprocessing
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.lineage.journal import Journal
from alignment_dagster.lineage.journal_lines import ACKNOWLEDGED, START, Head, NewEntry, NewRemark
from alignment_dagster.lineage.signing import Keys

Lines = list[str]
WRITERS, EACH = 4, 25


def became(number: int) -> NewEntry:
    return NewEntry("tokenizer", None, f"v{number}", "d" * 64, "r" * 64, "run", reused=False)


def opened(folder: Path) -> Journal:
    return Journal(folder, Keys(folder / "keys"))


def problem(journal: Journal) -> str:
    """What does not hold of it; empty where all does."""
    try:
        journal.history()
    except ArtifactError as error:
        return str(error)
    return ""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = opened(tmp_path)
    for number in range(1, 6):
        made.append(became(number))
    return made


def rewrite(journal: Journal, change: Callable[[Lines], Lines]) -> None:
    lines = journal.path.read_text().splitlines(keepends=True)
    journal.path.write_text("".join(change(lines)))


def edited(line: str, **fields: object) -> str:
    return json.dumps({**json.loads(line), **fields}) + "\n"


def test_a_journal_that_nobody_touched_is_whole(journal: Journal) -> None:
    entries = list(journal.entries())
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].previous == START
    assert [entry.previous for entry in entries[1:]] == [entry.link for entry in entries[:-1]]
    assert problem(journal) == ""


def test_a_line_that_the_disk_has_no_room_for_is_not_begun(journal: Journal) -> None:
    before = journal.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 40, hard))
    try:
        with pytest.raises(
            ArtifactError, match="tokenizer, v6 could not be noted: the disk is full"
        ):
            journal.append(became(6))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert journal.path.read_bytes() == before
    journal.append(became(6))
    assert problem(journal) == ""


def test_a_study_without_a_journal_has_no_lines(tmp_path: Path) -> None:
    assert list(opened(tmp_path / "absent").entries()) == []
    assert problem(opened(tmp_path / "absent")) == ""


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: lines[1:], 1),
        (lambda lines: lines[:2] + lines[3:], 3),
        (lambda lines: [*lines[:1], lines[2], lines[1], *lines[3:]], 2),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4),
        (lambda lines: [*lines[:1], edited(lines[1], version="forged"), *lines[2:]], 3),
        (lambda lines: [*lines[:1], edited(lines[1], time="2020-01-01"), *lines[2:]], 3),
        (lambda lines: [edited(lines[0], previous="f" * 64), *lines[1:]], 1),
        (
            lambda lines: [
                *lines[:2],
                *(edited(one, number=number) for number, one in enumerate(lines[3:], 3)),
            ],
            3,
        ),
    ],
    ids=["first-out", "middle-out", "swapped", "twice", "version", "time", "start", "renumbered"],
)
def test_a_line_removed_changed_or_moved_breaks_the_chain_there(
    journal: Journal, change: Callable[[Lines], Lines], line: int
) -> None:
    rewrite(journal, change)
    said = problem(journal)
    assert f"line {line} (" in said
    assert "changed, moved or taken out" in said


@pytest.mark.parametrize(
    "broken", ["{", "[]", "7", "{}", '{"number": 1}', "\\ud800", "", "\x00"], ids=repr
)
def test_a_line_that_is_no_entry_is_named(journal: Journal, broken: str) -> None:
    rewrite(journal, lambda lines: [*lines[:2], broken + "\n", *lines[3:]])
    with pytest.raises(ArtifactError, match="line 3 is damaged"):
        journal.history()


def test_bytes_that_are_no_text_are_named(journal: Journal) -> None:
    journal.path.write_bytes(journal.path.read_bytes().replace(b"v3", b"\xff\xfe"))
    assert "line 4" in problem(journal)


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_a_line_that_a_power_cut_left_unfinished_is_repaired(journal: Journal, kept: int) -> None:
    lines = journal.path.read_text().splitlines(keepends=True)
    journal.path.write_text("".join(lines[:4]) + lines[4][:kept])
    with pytest.raises(ArtifactError, match="line 5 is damaged"):
        list(opened(journal.path.parent).entries())
    entry = journal.append(became(6))
    assert entry.number == 5
    assert [one.version for one in journal.entries()] == ["v1", "v2", "v3", "v4", "v6"]
    assert problem(journal) == ""


def test_a_journal_of_one_unfinished_line_begins_anew(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.path.write_text('{"number": 1, "ti')
    assert journal.append(became(1)).previous == START
    assert problem(journal) == ""


@pytest.mark.parametrize("last", ["no entry\n", "[]\n", '{"number": "x"}\n'])
def test_nothing_is_appended_after_a_damaged_last_line(journal: Journal, last: str) -> None:
    rewrite(journal, lambda lines: [*lines[:4], last])
    before = journal.path.read_bytes()
    with pytest.raises(ArtifactError, match="the last line is damaged"):
        journal.append(became(6))
    assert journal.path.read_bytes() == before


@pytest.mark.parametrize("number", ["5", None, 5.5, True])
def test_a_last_line_whose_number_is_none_is_damaged(journal: Journal, number: object) -> None:
    rewrite(journal, lambda lines: [*lines[:4], edited(lines[4], number=number)])
    with pytest.raises(ArtifactError, match="the last line is damaged"):
        journal.append(became(6))


def write_many(folder: Path, writer: int) -> None:
    for number in range(EACH):
        opened(folder).append(became(1000 * writer + number))


def test_processes_that_append_side_by_side_leave_a_whole_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=write_many, args=(tmp_path, writer)) for writer in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    journal = opened(tmp_path)
    versions = [entry.version for entry in journal.entries()]
    assert len(versions) == len(set(versions)) == WRITERS * EACH
    assert problem(journal) == ""


def test_a_line_longer_than_what_is_read_of_the_end_is_found_whole(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in range(400):
        journal.append(became(number))
    assert journal.path.stat().st_size > 1 << 16
    assert problem(journal) == ""
    lost = tuple(f"{number:036}" for number in range(5000))
    journal.append(NewRemark(ACKNOWLEDGED, lost, "the database is lost"))
    assert journal.append(became(1)).number == 402
    assert problem(journal) == ""


def test_what_a_line_says_first_of_a_review_holds(journal: Journal) -> None:
    file = journal.path.parent / "reviews" / "a" / "0001.json"
    file.parent.mkdir(parents=True)
    kind = "application/vnd.in-toto+json"
    file.write_text(json.dumps({"payloadType": kind, "payload": "cmVqZWN0ZWQ="}))
    (told,) = journal.append(became(6)).reviews
    file.write_text(json.dumps({"payloadType": kind, "payload": "YXBwcm92ZWQ="}))
    assert journal.append(became(7)).reviews == ()
    assert journal.history().reviews == {(told.report, 1): told}


def test_a_review_that_is_named_wrongly_is_a_damaged_line(journal: Journal) -> None:
    wrong = [{"report": "a", "number": "1", "digest": "d"}]
    rewrite(journal, lambda lines: [*lines[:2], edited(lines[2], reviews=wrong), *lines[3:]])
    assert "line 3 is damaged (it names a review wrongly)" in problem(journal)


@pytest.mark.parametrize("text", ["", "12", "12:", "12:abc", "-1:" + "a" * 16, "1:" + "g" * 64])
def test_what_is_no_head_is_a_mistake_of_the_user(text: str) -> None:
    with pytest.raises(AlignmentError, match="is no head of a journal"):
        Head.parse(text)


def test_a_line_of_another_study_or_of_a_key_that_is_not_trusted_is_none(
    journal: Journal, tmp_path: Path
) -> None:
    stranger = Journal(tmp_path / "elsewhere" / journal.study, Keys(tmp_path / "others"))
    stranger.path.parent.mkdir(parents=True)
    stranger.path.write_text("")
    stranger.append(became(1))
    shutil.copyfile(stranger.path, journal.path)
    assert "which is not a trusted one" in problem(journal)
    other = Journal(tmp_path / "another", journal.keys)
    other.append(became(1))
    shutil.copyfile(other.path, journal.path)
    assert "does not hold" in problem(journal)
