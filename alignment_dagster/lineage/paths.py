"""Where an artifact lies, and how a finished folder gets its name there."""

import os
from pathlib import Path

from alignment_dagster.lineage.partition_keys import folder_name


def folder_of(root: Path, study: str, asset: str, partition: str | None) -> Path:
    """Where the versions of one partition lie in the lake at `root`."""
    return root / study / asset / folder_name(partition)


def settle(staged: Path, target: Path) -> None:
    """Give a folder its name, unless another process was faster."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(staged, target)
    except OSError:
        if not target.exists():
            raise
    _flush_folder(target.parent)


def flush(folder: Path) -> None:
    """Bytes reach the disk before the folder gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
