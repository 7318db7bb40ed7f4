"""The code that a record names is the code of the commit that it names."""

from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.lineage.code_digest import committed_code_digest
from alignment_dagster.lineage.lake import Artifact

NOT_COMPARED = (
    "The code that made {count:,} artifacts is recorded as that of commits that are not in this "
    "checkout: it was not compared ({commits})."
)
SHOWN = 3
SHORT = 12
"""Characters of a commit."""


def check_code(scope: Scope) -> None:
    """Of every artifact that was made from unchanged code, where this checkout has its commit."""
    unknown: dict[str, int] = {}
    for artifact in scope.artifacts.values():
        git = artifact.provenance.git
        commit = git.get("commit", "")
        if git.get("dirty") != "false" or not artifact.provenance.modules:
            continue
        with scope.findings.guard("records", artifact.label):
            if not _compare(scope, artifact, commit):
                unknown[commit] = unknown.get(commit, 0) + 1
    if unknown:
        named = ", ".join(commit[:SHORT] for commit in list(unknown)[:SHOWN])
        count = sum(unknown.values())
        more = ", …" if len(unknown) > SHOWN else ""
        scope.findings.note(NOT_COMPARED.format(count=count, commits=named + more))


def _compare(scope: Scope, artifact: Artifact, commit: str) -> bool:
    """Whether this checkout knows the commit."""
    try:
        digest = committed_code_digest(commit, *artifact.provenance.modules)
    except FileNotFoundError as error:
        digest = f"({error})"
    if digest is None:
        return False
    scope.findings.counts["code digests"] += 1
    message = f"the code that made it is not that of commit {commit[:SHORT]}, as its record says"
    wrong = digest != artifact.provenance.code_digest
    scope.findings.gap_if(wrong, "records", artifact.label, message)
    return True
