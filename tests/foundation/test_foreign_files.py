"""What others wrote is opened by one function: a regular file, inside, bounded, of a known form."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alignment_dagster.audit.check.mlflow_database import read_database
from alignment_dagster.corpus.files import SourceFile, find_files, sha256_files
from alignment_dagster.foundation.databases import require_sqlite
from alignment_dagster.foundation.errors import AlignmentError, DataError, DeclarationError
from alignment_dagster.foundation.foreign_files import open_regular, read_regular
from alignment_dagster.foundation.home import DAGSTER_DATABASES, Home
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.graph.instance import open_instance
from alignment_dagster.scoring.lexicon import read_terms
from alignment_dagster.study.files import study_files

Make = Callable[[Path], object]
NO_FILES: dict[str, Make] = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": Path.mkdir,
}


@pytest.fixture(autouse=True)
def _writer(tmp_path: Path) -> Iterator[None]:
    """Whoever waits for a pipe is freed after a while, and the test fails."""

    def free() -> None:
        if (tmp_path / "thing").is_fifo():
            os.close(os.open(tmp_path / "thing", os.O_RDWR | os.O_NONBLOCK))

    timer = threading.Timer(20, free)
    timer.start()
    yield
    timer.cancel()


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_neither_waited_for_nor_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    NO_FILES[kind](path)
    for read in (open_regular, lambda path: read_regular(path, 10)):
        with pytest.raises(OSError, match="is no regular file"):
            read(path)
    with pytest.raises(DeclarationError, match="is not a file"):
        read_yaml(path)
    with pytest.raises(DeclarationError, match=r"is no regular file|outside its folder"):
        read_terms(path)
    with pytest.raises(DataError, match="thing: cannot be read: is no regular file"):
        sha256_files([SourceFile("thing", path)])
    with pytest.raises(AlignmentError, match="is no database: is no regular file"):
        require_sqlite(path)
    with pytest.raises(AlignmentError, match="is no database: is no regular file"):
        read_database(f"sqlite:///{path}", "tiny")


def test_no_more_than_the_bound_is_read(tmp_path: Path) -> None:
    (tmp_path / "ten").write_bytes(b"0123456789")
    assert read_regular(tmp_path / "ten", 10) == b"0123456789"
    with pytest.raises(OSError, match="is larger than 9 bytes"):
        read_regular(tmp_path / "ten", 9)


def test_a_word_list_is_not_read_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "secret.txt").write_text("secret word\n")
    (tmp_path / "lists" / "here.txt").write_text("a word\n")
    (tmp_path / "lists" / "same.txt").symlink_to("here.txt")
    (tmp_path / "lists" / "list.txt").symlink_to(tmp_path / "secret.txt")
    assert read_terms(tmp_path / "lists" / "same.txt")
    with pytest.raises(DeclarationError, match=r"list\.txt: links to a place outside its folder"):
        read_terms(tmp_path / "lists" / "list.txt")


def test_a_name_that_is_no_text_is_one_message_before_anything_is_made(tmp_path: Path) -> None:
    """It could stand in no table and no page."""
    name = b"caf\xe9"
    for folder, ending in ((tmp_path, b".jsonl"), (tmp_path / "studies", b".yaml")):
        folder.mkdir(exist_ok=True)
        with open(os.path.join(os.fsencode(folder), name + ending), "w") as file:
            file.write("{}\n")
    with pytest.raises(DataError, match=r"caf\\udce9\.jsonl has a name that is not UTF-8") as data:
        find_files("stories", "*.jsonl", tmp_path)
    with pytest.raises(DeclarationError, match="has a name that is not UTF-8") as declared:
        study_files(tmp_path)
    for error in (data, declared):
        str(error.value).encode("utf-8")


@pytest.mark.parametrize("name", DAGSTER_DATABASES)
def test_garbage_in_a_databases_place_is_one_line(name: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    path = home.dagster / name
    path.parent.mkdir(parents=True)
    path.write_bytes(os.urandom(5000))
    with pytest.raises(AlignmentError, match="does not begin as one of SQLite") as refused:
        open_instance(home)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_a_database_is_one(tmp_path: Path) -> None:
    require_sqlite(tmp_path / "absent.db")
    (tmp_path / "empty.db").touch()
    require_sqlite(tmp_path / "empty.db")
    with sqlite3.connect(tmp_path / "real.db") as connection:
        connection.execute("create table one (two)")
    connection.close()
    require_sqlite(tmp_path / "real.db")
