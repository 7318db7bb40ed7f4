"""A file or a folder that is there whole, or not at all: written aside, then given its name."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alignment_dagster.foundation.errors import AlignmentError


@contextmanager
def atomic_file(
    target: Path, *, aside: Path | None = None, replace: bool = True, durable: bool = False
) -> Iterator[Path]:
    """A path to write to; it becomes `target` at the end, and nothing is left if anything fails.

    Args:
        aside: where it is written, on the file system of `target`; else beside it, hidden.
        replace: whether a file that is there already is replaced.
        durable: whether bytes and name have reached the disk at the end.

    Raises:
        FileExistsError: if there is a `target` that is not to be replaced.
        OSError: if it cannot be written.
    """
    aside = _aside(target) if aside is None else aside
    try:
        yield aside
        if durable:
            flush(aside)
        if replace:
            os.rename(aside, target)
        else:
            os.link(aside, target)
    finally:
        aside.unlink(missing_ok=True)
    if durable:
        flush(target.parent)


@contextmanager
def atomic_folder(target: Path, *, aside: Path | None = None) -> Iterator[Path]:
    """A folder to fill; it becomes `target` at the end, and nothing is left if anything fails.

    Args:
        aside: where it is filled, on the file system of `target`; what a killed process left there
            is removed first. Else beside it, hidden, under a name that nobody has.

    Raises:
        OSError: if it cannot be written, or `target` holds something.
    """
    if aside is None:
        aside = _aside(target)
    else:
        shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        yield aside
        os.rename(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """As `atomic_folder`, for a folder that a person named.

    Raises:
        AlignmentError: if `target` holds something, or cannot be written.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise AlignmentError(f"{target}: is not a folder")
    if target.exists() and any(target.iterdir()):
        raise AlignmentError(f"{target}: is not empty; name a new folder")
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(target) as aside:
            yield aside
    except OSError as error:
        raise AlignmentError(f"{target}: was not written ({error})") from None


def rename_once(folder: Path, target: Path) -> None:
    """Give a finished folder its name, and bring that to the disk, unless another was faster.

    Raises:
        OSError: if it cannot be renamed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(folder, target)
    except OSError:
        if not target.exists():
            raise
    flush(target.parent)


def link_file(source: Path, target: Path) -> None:
    """The same bytes at another place: linked, or copied where the file system has no links.

    Raises:
        FileExistsError: if there is something; it may be a link itself.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def flush_files(folder: Path) -> None:
    """Bring the bytes of all files below a folder to the disk, before it gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            flush(path)


def flush(path: Path) -> None:
    """Bring a file's bytes, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _aside(target: Path) -> Path:
    target = target.absolute()
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
