"""What would be collected, and what stays: made anew each time, from the records alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alignment_dagster.audit.check.file_hashes import FileHasher
from alignment_dagster.audit.check.scope import Findings, Scope, count_workers
from alignment_dagster.audit.check.study import check_all_records
from alignment_dagster.audit.check.survey import survey
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.ancestry import children_of
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.lineage.tombstone import is_collected, remaining_files
from alignment_dagster.refresh.retention.leftovers import WorkKey, dead_staging, size_of, stale_work
from alignment_dagster.refresh.retention.references import kept
from alignment_dagster.study import Study
from alignment_dagster.study.refresh import Retention


@dataclass(frozen=True)
class Use:
    """What Dagster says of the study at the moment."""

    current: Sequence[Key]
    reviewed: Sequence[Key]
    """Reports that Dagster was told a review of: the review itself may have been removed."""
    running: Mapping[str, str]
    """Runs of the study that have not ended: id → status."""
    others: bool
    """Whether runs of other studies have not ended."""
    wanted: Collection[WorkKey]
    """What would be made now, if it has to be."""


@dataclass(frozen=True)
class Plan:
    """What a collection does."""

    archive: Archive
    retention: Retention
    kept: Mapping[Key, tuple[str, ...]]
    collect: Sequence[Artifact]
    """What was made from others comes before them."""
    half: Sequence[Artifact]
    """Collected before by a process that was stopped: some of their files are still there."""
    folders: Sequence[Path]
    """Work folders and staged files."""
    sizes: Mapping[Key | Path, int]
    """Bytes of what is removed."""
    running: Mapping[str, str]

    @property
    def freed(self) -> int:
        """Bytes in all."""
        return sum(self.sizes.values())


def retention_of(study: Study) -> Retention:
    """As declared; a study without `refresh` has the defaults."""
    refresh = study.declaration.refresh
    return refresh.retention if refresh else Retention()


def plan(archive: Archive, home: Home, study: Study, use: Use, now: datetime) -> Plan:
    """Find what nothing refers to.

    Raises:
        ArtifactError: if the study's records, or bytes that would be removed, are not what was
            signed: evidence is never removed.
    """
    found = Findings()
    artifacts = survey(archive, found)
    scope = Scope(archive, home, artifacts, artifacts, found, children_of(artifacts.values()))
    check_all_records(scope)
    _refuse(archive, found)
    retention = retention_of(study)
    staying = kept(archive, retention, use.current, use.reviewed, now)
    gone = [one for one in archive.all() if is_collected(one.path)]
    before = {one.key for one in gone}
    loose = [key for key in reversed(archive.keys) if key not in staying and key not in before]
    collect = [archive.artifact(*key) for key in loose]
    half = [one for one in gone if any(remaining_files(one.path))]
    _require_bytes(archive, [*collect, *half])
    folders = [*stale_work(home, archive, use.wanted, retention.days)]
    if not use.running and not use.others:
        folders += dead_staging(home)
    sizes: dict[Key | Path, int] = {
        one.key: sum(path.lstat().st_size for path in remaining_files(one.path))
        for one in (*collect, *half)
    }
    sizes |= {folder: size_of(folder) for folder in folders}
    return Plan(archive, retention, staying, collect, half, folders, sizes, use.running)


def _require_bytes(archive: Archive, artifacts: Sequence[Artifact]) -> None:
    found = Findings()
    FileHasher(artifacts, count_workers()).report(found)
    _refuse(archive, found)


def _refuse(archive: Archive, found: Findings) -> None:
    gaps = list(found.gaps)
    if gaps:
        more = f" (and {len(gaps) - 1} more)" if len(gaps) > 1 else ""
        raise ArtifactError(
            f"study {archive.study!r} does not verify, so nothing is collected: {gaps[0].subject}: "
            f"{gaps[0].message}{more}. See alignment audit check {archive.study}"
        )
