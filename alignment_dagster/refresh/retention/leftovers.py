"""What computations that were stopped left beside the lake: work folders and staged files."""

import time
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import Archive

DAY = 24 * 60 * 60
WorkKey = tuple[str, str]
"""Asset, and the beginning of the inputs' digest: what a work folder is named after."""
LETTERS = 16
"""Of the digest."""


def work_folders(home: Home, study: str) -> dict[WorkKey, Path]:
    """Every folder that a computation can be resumed from."""
    folders = sorted((home.work / study).glob("*/*/"))
    return {(folder.parent.name, folder.name): folder for folder in folders}


def stale_work(
    home: Home, archive: Archive, wanted: Collection[WorkKey], days: int
) -> Iterator[Path]:
    """Work folders that nothing will be resumed from.

    What is finished is in the lake. What today's declaration asks for stays; what it does not ask
    for stays as long as the retention says, for the case that the declaration goes back.
    """
    made = {(one.asset, one.provenance.input_digest[:LETTERS]) for one in archive.with_files()}
    for key, folder in work_folders(home, archive.study).items():
        touched = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
        old = time.time() - touched > days * DAY
        if key in made or (old and key not in wanted):
            yield folder


def dead_staging(home: Home) -> Iterator[Path]:
    """Staged files whose process is gone; of all studies."""
    for folder in sorted((home.lake / ".staging").glob("*-*/")):
        number = folder.name.split("-")[0]
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            yield folder


def size_of(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
