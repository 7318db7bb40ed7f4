"""Where an artifact lies."""

from pathlib import Path

from alignment_dagster.lineage.partition_keys import folder_name


def folder_of(root: Path, study: str, asset: str, partition: str | None) -> Path:
    """Where the versions of one partition lie in the lake at `root`."""
    return root / study / asset / folder_name(partition)
