"""What is referred to, and why: it stays, with everything that it was made from."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from alignment_dagster.audit.artifact_list import current_keys
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.lineage.reviews import REVIEWS
from alignment_dagster.lineage.tombstone import is_collected
from alignment_dagster.study.refresh import Retention

CURRENT, REPORTS, REVIEW, DAYS = "current", "report", "review", "days"
REASONS: Mapping[str, str] = {
    CURRENT: "the current version of its partition, or behind one",
    REPORTS: "one of the last reports, or behind one",
    REVIEW: "a report that was reviewed, or behind one",
    DAYS: "became current within the declared days, or is behind what did",
}
"""Why an artifact is kept."""


def kept(
    archive: Archive,
    retention: Retention,
    dagster: Iterable[Key],
    reviewed: Iterable[Key],
    now: datetime,
) -> dict[Key, tuple[str, ...]]:
    """Every artifact that is kept → why, in the order of `REASONS`.

    Args:
        dagster: what Dagster says is current; the journal may be a step ahead.
        reviewed: what Dagster was told a review of.
        now: in UTC.
    """
    since = now - timedelta(days=retention.days)
    roots: Mapping[str, Iterable[Key]] = {
        CURRENT: [*current_keys(archive), *dagster],
        REPORTS: _last_reports(archive, retention.reports),
        REVIEW: [*_reviewed(archive), *reviewed],
        DAYS: _recent(archive, since),
    }
    found: dict[Key, tuple[str, ...]] = {}
    for reason, keys in roots.items():
        for artifact in archive.ancestors(_not_collected(archive, keys)):
            found[artifact.key] = (*found.get(artifact.key, ()), reason)
    return found


def _not_collected(archive: Archive, keys: Iterable[Key]) -> list[Artifact]:
    """Those that were not collected before: a longer retention brings nothing back."""
    known = set(archive.keys)
    found = [archive.artifact(*key) for key in dict.fromkeys(keys) if key in known]
    return [one for one in found if not is_collected(one.path)]


def _last_reports(archive: Archive, count: int) -> list[Key]:
    """The last so many different ones that became current."""
    versions = [one.version for one in archive.journal if one.asset == REPORT]
    last = list(dict.fromkeys(reversed(versions)))[:count]
    return [(REPORT, None, version) for version in last]


def _reviewed(archive: Archive) -> Iterator[Key]:
    """Whatever the decision was: it was about these very bytes."""
    for folder in (archive.lake.root / archive.study / REVIEWS).glob("*"):
        if any(folder.iterdir()):
            yield (REPORT, None, folder.name)


def _recent(archive: Archive, since: datetime) -> Iterator[Key]:
    """What became current since then, and what a run that was stopped made since then."""
    for entry in archive.journal:
        if datetime.fromisoformat(entry.time) >= since:
            yield entry.key
    for artifact in archive.all():
        made = artifact.provenance
        ended = datetime.fromisoformat(made.started) + timedelta(seconds=made.seconds)
        if ended >= since:
            yield artifact.key
