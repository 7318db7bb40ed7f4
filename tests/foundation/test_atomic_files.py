"""A file or a folder is there whole, or not at all; and nothing is left where writing failed."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.atomic_files import atomic_file, atomic_folder, rename_once
from alignment_dagster.foundation.locks import file_lock


def test_a_file_that_could_not_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("before")
    with pytest.raises(UnicodeEncodeError), atomic_file(target) as aside:
        aside.write_text("half, and then \udc80", encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_text() == "before"
    with atomic_file(target, durable=True) as aside:
        aside.write_text("after")
    assert target.read_text() == "after"


def test_a_file_that_is_there_is_not_replaced_where_that_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("before")
    with pytest.raises(FileExistsError), atomic_file(target, replace=False) as aside:
        aside.write_text("after")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_text() == "before"


def test_a_folder_replaces_what_a_killed_process_left_and_nothing_else(tmp_path: Path) -> None:
    target, aside = tmp_path / "folder", tmp_path / "unfinished"
    (aside / "left").mkdir(parents=True)
    with atomic_folder(target, aside=aside):
        (aside / "file").write_text("whole")
    assert [path.name for path in target.iterdir()] == ["file"]
    with pytest.raises(OSError, match="not empty"), atomic_folder(target) as other:
        (other / "file").write_text("another")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (target / "file").read_text() == "whole"


def test_of_two_that_give_a_folder_the_same_name_the_first_one_keeps_it(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        rename_once(tmp_path / name, tmp_path / "deep" / "target")
    assert (tmp_path / "deep" / "target" / "file").read_text() == "first"


def test_a_lock_is_held_by_one_or_shared_by_many(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    shared = file_lock(path, shared=True)
    with shared, file_lock(path, shared=True, wait=False), pytest.raises(BlockingIOError):
        file_lock(path, wait=False).__enter__()
    with file_lock(path, wait=False):
        pass
