"""Where an artifact lies."""

import re
from pathlib import Path

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.partition_keys import folder_name

VERSION = re.compile(r"[0-9a-f]{16}")


def folder_of(root: Path, study: str, asset: str, partition: str | None) -> Path:
    """Where the versions of one partition lie in the lake at `root`."""
    return root / study / asset / folder_name(partition)


def is_version(text: str) -> bool:
    """Whether it can be the version of an artifact: 16 hex digits, which lead nowhere else."""
    return VERSION.fullmatch(text) is not None


def version_folder(folder: Path, version: str) -> Path:
    """Where one version lies, in the folder of its partition.

    Raises:
        ArtifactError: if this is no version, whoever says so.
    """
    if not is_version(version):
        raise ArtifactError(f"{folder.parent.name}: {version!r} is no version (16 hex digits)")
    return folder / version
