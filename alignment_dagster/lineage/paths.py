"""Where an artifact lies."""

from pathlib import Path

UNPARTITIONED = "all"


def folder_of(root: Path, study: str, asset: str, partition: str | None) -> Path:
    """Where the versions of one partition lie in the lake at `root`."""
    return root / study / asset / (partition or UNPARTITIONED).replace("|", ".")
