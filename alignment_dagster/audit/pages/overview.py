"""The pages above the artifacts: which studies there are, and the history of one."""

from alignment_dagster.audit.answer import Answer, Node, Tone
from alignment_dagster.audit.artifact_list import current_keys
from alignment_dagster.audit.pages.answer_page import render
from alignment_dagster.audit.pages.artifact_page import comparisons, trail
from alignment_dagster.audit.pages.graph import graph
from alignment_dagster.audit.review_nodes import describe_verdict
from alignment_dagster.chain import ORDER
from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.journal import Entry
from alignment_dagster.lineage.lake import Artifact, Lake, label
from alignment_dagster.lineage.reviews import DECISIONS, reviews
from alignment_dagster.lineage.tombstone import is_collected

COLLECTED = "collected as garbage: only its records are left"


def names(lake: Lake) -> list[str]:
    """The studies of which a lake holds something."""
    return lake.studies()


def studies_page(lake: Lake) -> str:
    """Every study of the lake, with its reports."""
    found = names(lake)
    nodes = [_study(lake, name) for name in found]
    count = f"{len(found)} {'study' if len(found) == 1 else 'studies'} in {lake.root}."
    said = count if found else "Nothing has been made yet: alignment run STUDY"
    return render(Answer("Audit", (said,), nodes, {"studies": found}))


def study_page(archive: Archive) -> str:
    """A study's reports, newest first, with their reviews; then what is current, as a graph."""
    roots: list[Artifact] = []
    problems: list[str] = []
    for key in current_keys(archive):
        try:
            roots.append(archive.artifact(*key))
        except ArtifactError as error:
            problems.append(str(error))
    said = (
        f"{len(archive.keys):,} artifacts lie in the lake; {len(archive.journal):,} times one "
        "became current."
    )
    answer = Answer(archive.study, (said,), (_current(archive),), {}, warnings=problems)
    above = [_reports(archive)]
    return render(answer, graph(archive, roots) if roots else None, trail(), above=above)


def _study(lake: Lake, name: str) -> Node:
    page = page_links.audit_study(name)
    try:
        return Node(name, "", _reports(Archive(lake, name)).children, "strong", page)
    except ArtifactError as error:
        return Node(name, str(error), (), "bad", page)


def _reports(archive: Archive) -> Node:
    entries = [entry for entry in archive.journal if entry.asset == REPORT]
    changes = comparisons(archive)
    nodes = [
        _report(archive, entry, changes.get(entry.version), newest=index == 0)
        for index, entry in enumerate(reversed(entries))
    ]
    return Node("reports", "newest first" if nodes else "none yet", nodes)


def _report(archive: Archive, entry: Entry, changes: str | None, *, newest: bool) -> Node:
    found, tone = _decision(archive, entry.version)
    page = page_links.audit_page(archive.study, REPORT, None, entry.version)
    below = [Node(found, tone=tone)] if found else []
    if found != COLLECTED:
        below += [Node("the report itself", link=f"{page}/report")]
    below += [Node("what changed since the one before", link=changes)] if changes else []
    when = f"{entry.time[:16].replace('T', ' ')}{', taken again' if entry.reused else ''}"
    name = label(REPORT, None, entry.version)
    return Node(name, when, below, "strong" if newest else "plain", page)


def _decision(archive: Archive, version: str) -> tuple[str, Tone]:
    if (REPORT, None, version) not in archive.keys:
        return "no longer in the lake", "bad"
    try:
        found = reviews(archive, archive.artifact(REPORT, None, version))
    except ArtifactError as error:
        return str(error), "bad"
    if not found and is_collected(archive.artifact(REPORT, None, version).path):
        return COLLECTED, "dim"
    if not found:
        return "not reviewed", "dim"
    return describe_verdict(found), "good" if found[-1].decision == DECISIONS[0] else "bad"


def _current(archive: Archive) -> Node:
    now = sorted(current_keys(archive), key=str)
    assets = [asset for asset in ORDER if any(key[0] == asset for key in now)]
    nodes = [
        Node(
            asset,
            "",
            [
                Node(key[1] or asset, key[2], link=page_links.audit_page(archive.study, *key))
                for key in now
                if key[0] == asset
            ],
        )
        for asset in assets
    ]
    return Node("current versions", "", nodes)
