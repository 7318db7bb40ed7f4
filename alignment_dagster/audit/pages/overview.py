"""The pages above the artifacts: which studies there are, and the history of one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from alignment_dagster.audit.answer import Answer, Node, Tone
from alignment_dagster.audit.artifact_list import current_keys
from alignment_dagster.audit.pages.answer_page import Picture, render
from alignment_dagster.audit.pages.artifact_page import comparisons, trail
from alignment_dagster.audit.pages.graph import graph
from alignment_dagster.audit.pages.headline import headline_picture
from alignment_dagster.audit.pages.search import search_study
from alignment_dagster.audit.pages.stale import TITLE, Stale
from alignment_dagster.audit.review_nodes import describe_verdict
from alignment_dagster.chain import DISPOSITIONS, ORDER
from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.journal_lines import Entry
from alignment_dagster.lineage.lake import Artifact, Lake, label
from alignment_dagster.lineage.reviews import DECISIONS, reviews
from alignment_dagster.lineage.tombstone import is_collected
from alignment_dagster.report.findings import read_findings
from alignment_dagster.report.names import CLAIM, finding_name
from alignment_dagster.report.questions import read_chances
from alignment_dagster.report.results import read_results
from alignment_dagster.report.verdicts import claim_verdicts

VERDICTS: Mapping[str, Tone] = {"supported": "good", "refuted": "bad", "undecided": "dim"}
COLLECTED = "collected as garbage: only its records are left"


def names(lake: Lake) -> list[str]:
    """The studies of which a lake holds something."""
    return lake.studies()


def studies_page(lake: Lake, searched: str = "", stale: Stale | None = None) -> str:
    """Every study of the lake: its headline, verdicts, last report and review, what is stale."""
    found = names(lake)
    count = f"{len(found)} {'study' if len(found) == 1 else 'studies'} in {lake.root}."
    said = count if found else "Nothing has been made yet: alignment run STUDY"
    above: list[Node | Picture] = []
    for name in found:
        above += _search(lake, name, searched) if searched else _study(lake, name, stale)
    return render(
        Answer("Audit", (said,), (), {"studies": found}),
        above=above,
        search=searched if found else None,
    )


def study_page(archive: Archive, searched: str = "", stale: Stale | None = None) -> str:
    """A study's headline and reports with their reviews; then what is current, as a graph."""
    if searched:
        answer = Answer(archive.study, (), (search_study(archive, searched),), {})
        return render(answer, trail=trail(archive), search=searched)
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
    above: list[Node | Picture] = [
        *_headline(archive),
        *_verdicts(archive),
        _reports(archive),
        _stale(archive, stale),
    ]
    made = graph(archive, roots) if roots else None
    return render(answer, made, trail(), _doors(archive), above, search="")


def _doors(archive: Archive) -> list[tuple[str, str]]:
    """The documents, once it is decided what becomes of them."""
    decided = any(key[0] == DISPOSITIONS for key in archive.keys)
    page = page_links.audit_corpus(archive.study)
    return [(page, "documents: what was kept, and what each rule dropped")] if decided else []


def _search(lake: Lake, name: str, searched: str) -> list[Node | Picture]:
    try:
        return [search_study(Archive(lake, name), searched)]
    except ArtifactError as error:
        return [Node(name, str(error), (), "bad")]


def _study(lake: Lake, name: str, stale: Stale | None) -> list[Node | Picture]:
    page = page_links.audit_study(name)
    try:
        archive = Archive(lake, name)
        below = [*_verdicts(archive), _reports(archive), _stale(archive, stale)]
        return [Node(name, "", below, "strong", page), *_headline(archive)]
    except ArtifactError as error:
        return [Node(name, str(error), (), "bad", page)]


def _stale(archive: Archive, stale: Stale | None) -> Node:
    """What a run would make anew; a page that is written to a file names what says so."""
    if stale is None or not any(key[0] == REPORT for key in archive.keys):
        return Node(TITLE, f"alignment audit check {archive.study} says so", tone="dim")
    return stale.node(archive.study)


def _headline(archive: Archive) -> list[Picture]:
    """The picture of the current report; nothing where there is none that can be read."""
    try:
        report = archive.report().path
        chances = read_chances(report / file_names.QUESTIONS)
        picture = headline_picture(read_results(report / file_names.RESULTS), chances)
    except ArtifactError:
        return []
    return [picture] if picture else []


def _verdicts(archive: Archive) -> list[Node]:
    """The claims of the current report, the decided ones first."""
    try:
        report = archive.report()
        claims = read_findings(report.path)["claims"]
    except ArtifactError:
        return []
    if not claims:
        return []
    counts = Counter(row["verdict"] for row in claims)
    said = ", ".join(f"{counts[one]} {one}" for one in VERDICTS if counts[one])
    words = claim_verdicts(claims)
    ordered = sorted(claims, key=lambda row: list(VERDICTS).index(row["verdict"]))
    nodes = [_claim(archive, report, row, words[row["name"]]) for row in ordered]
    return [Node("claims", said, nodes, folded=True)]


def _claim(archive: Archive, report: Artifact, row: Mapping[str, Any], verdict: str) -> Node:
    name = finding_name(CLAIM, row["name"])
    link = page_links.audit_trace(archive.study, report.version, name)
    said = f"{verdict}: {row['reason'] or row['sentence']}"
    return Node(row["name"], said, (), VERDICTS[row["verdict"]], link)


def _reports(archive: Archive) -> Node:
    """The newest in the open, with what changed since the last that was approved; others folded."""
    entries = [entry for entry in archive.journal if entry.asset == REPORT]
    changes = comparisons(archive)
    nodes = [
        _report(archive, entry, changes.get(entry.version), newest=index == 0)
        for index, entry in enumerate(reversed(entries))
    ]
    if not nodes:
        return Node("reports", "none yet")
    earlier = Node("earlier reports", f"{len(nodes) - 1:,}, newest first", nodes[1:], folded=True)
    below = [nodes[0], *_since_approval(archive, entries), *([earlier] if nodes[1:] else [])]
    return Node("reports", "newest first", below)


def _since_approval(archive: Archive, entries: Sequence[Entry]) -> list[Node]:
    """Where to see what changed since the last approved report."""
    versions = list(dict.fromkeys(entry.version for entry in reversed(entries)))
    approved = next((one for one in versions if _is_approved(archive, one)), None)
    if approved is None:
        return [Node("no report was approved yet", tone="dim")]
    if approved == versions[0]:
        return []
    study = page_links.audit_study(archive.study)
    link = f"{study}/diff?a={quote(approved)}&b={quote(versions[0])}"
    return [Node("what changed since the last approved report", approved, link=link)]


def _is_approved(archive: Archive, version: str) -> bool:
    return _decision(archive, version)[1] == "good"


def _report(archive: Archive, entry: Entry, changes: str | None, *, newest: bool) -> Node:
    found, tone = _decision(archive, entry.version)
    page = page_links.audit_page(archive.study, REPORT, None, entry.version)
    below = [Node(found, tone=tone)] if found else []
    if found != COLLECTED:
        below += [Node("the report itself", link=f"{page}/report")]
    below += [Node("what changed since the one before", link=changes)] if changes else []
    when = f"{entry.time[:16].replace('T', ' ')}{', taken again' if entry.reused else ''}"
    name = label(REPORT, None, entry.version)
    return Node(name, when, below, "strong" if newest else "plain", page, folded=not newest)


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
    return Node("current versions", f"{len(now):,}", nodes, folded=True)
