"""Artifacts that were collected as garbage: each by a signed tombstone, and none that is needed."""

from alignment_dagster.audit.check.journal import ReadJournal
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.ancestry import parent_keys
from alignment_dagster.lineage.archive import REPORT
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.lineage.reviews import REVIEWS
from alignment_dagster.lineage.statement import subject_name
from alignment_dagster.lineage.tombstone import is_collected, remaining_files, verify_tombstone

KIND = "collected"


def check_tombstones(scope: Scope, journal: ReadJournal) -> None:
    """Every tombstone holds; nothing that is there, current or reviewed needs what is gone."""
    current = {(one.entry.asset, one.entry.partition): one.entry.version for one in journal.lines}
    for artifact in scope.artifacts.values():
        if is_collected(artifact.path):
            scope.findings.counts["collected as garbage"] += 1
            with scope.findings.guard(KIND, artifact.label):
                _check_tombstone(scope, artifact)
            now = current.get((artifact.asset, artifact.partition)) == artifact.version
            scope.findings.gap_if(now, KIND, artifact.label, "was collected, and is current")
            folder = scope.archive.lake.root / scope.study / REVIEWS / artifact.version
            reviewed = artifact.asset == REPORT and any(folder.glob("*.json"))
            scope.findings.gap_if(reviewed, KIND, artifact.label, "was collected, and was reviewed")
        else:
            for key in parent_keys(artifact):
                parent = scope.known.get(key)
                if parent is not None and is_collected(parent.path):
                    message = f"its parent {label(*key)} was collected as garbage"
                    scope.findings.gap(KIND, label(*artifact.key), message)


def _check_tombstone(scope: Scope, artifact: Artifact) -> None:
    subject = subject_name(scope.study, artifact.asset, artifact.partition, artifact.version)
    try:
        verify_tombstone(
            artifact.path, subject, artifact.manifest, artifact.record, scope.archive.lake.keys
        )
    except ArtifactError as error:
        scope.findings.gap(KIND, artifact.label, str(error))
        return
    count = len(list(remaining_files(artifact.path)))
    if count:
        scope.findings.note(
            f"{artifact.label} was collected as garbage, and {count} of its files are still there: "
            f"the process was stopped. alignment lake gc {scope.study} --delete removes them."
        )
