"""What lies in a study's part of the lake, and the records of everything that can be read."""

from collections.abc import Iterator
from pathlib import Path

from alignment_dagster.audit.check.scope import Findings
from alignment_dagster.chain import ORDER
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive, chain_order
from alignment_dagster.lineage.journal import JOURNAL
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.manifest import MANIFEST, PROVENANCE, STATEMENT
from alignment_dagster.lineage.partition_keys import partition_at
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.lineage.reviews import REVIEWS

RECORDS = (MANIFEST, PROVENANCE, STATEMENT)
BESIDE = frozenset({JOURNAL, REVIEWS})
"""What else may lie in a study's folder."""


def survey(archive: Archive, findings: Findings) -> dict[Key, Artifact]:
    """Every artifact whose records can be read; what cannot, and what is astray, is a gap."""
    artifacts = {}
    for key, folder in _folders(archive, findings):
        name = label(*key)
        missing = [record for record in RECORDS if not (folder / record).is_file()]
        for record in missing:
            findings.gap("records", name, f"{record} is missing")
        if {MANIFEST, PROVENANCE}.isdisjoint(missing):
            artifact = read_artifact(archive, findings, key)
            if artifact is not None:
                artifacts[key] = artifact
    return dict(sorted(artifacts.items(), key=lambda item: chain_order(item[0])))


def read_artifact(archive: Archive, findings: Findings, key: Key) -> Artifact | None:
    """An artifact by its records; None, and a gap, where they cannot be read."""
    try:
        return archive.lake.read(archive.study, *key)
    except ArtifactError as error:
        root = f"{archive.lake.root}/"
        message = str(error).replace(root, "").removeprefix(f"{label(*key)}: ")
        findings.gap("records", label(*key), message)
    except Exception as error:
        findings.gap("records", label(*key), f"its records cannot be read ({error})")
    return None


def _folders(archive: Archive, findings: Findings) -> Iterator[tuple[Key, Path]]:
    """The folders that stand where artifacts stand."""
    root = archive.lake.root / archive.study
    for asset in _children(root):
        if asset.name in BESIDE:
            continue
        if asset.name not in ORDER or not asset.is_dir():
            findings.gap("lake", asset.name, "is astray in the lake: no asset is called so")
            continue
        for place in _children(asset):
            _no_file(findings, place, root)
            for version in _children(place) if place.is_dir() else ():
                _no_file(findings, version, root)
                if version.is_dir():
                    key = (asset.name, partition_at(asset.name, place.name), version.name)
                    yield key, version


def _no_file(findings: Findings, path: Path, root: Path) -> None:
    if not path.is_dir():
        name = path.relative_to(root).as_posix()
        findings.gap("lake", name, "is astray in the lake: only artifacts' folders lie here")


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())
