"""The pages above the artifacts: which studies there are, and the history of one."""

from alignment_dagster import links
from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.audit.archive import CHAIN, REPORT, Archive
from alignment_dagster.audit.listing import current_keys
from alignment_dagster.audit.reviews import reviews, verdict
from alignment_dagster.lineage.lake import Lake, label


def names(lake: Lake) -> list[str]:
    """The studies of which a lake holds something."""
    return sorted(path.name for path in lake.root.glob("[!.]*/") if any(path.iterdir()))


def studies(lake: Lake) -> Answer:
    """Every study of the lake."""
    found = names(lake)
    said = "Nothing has been made yet." if not found else f"{len(found)} studies in {lake.root}."
    nodes = [Node(name, link=f"{links.AUDIT}/{name}") for name in found]
    return Answer("Audit", (said,), nodes, {"studies": found})


def study(archive: Archive) -> Answer:
    """A study's reports, newest first, with their reviews, and what is current of each asset."""
    entries = [entry for entry in archive.journal if entry.asset == REPORT]
    reports = [
        Node(
            label(REPORT, None, entry.version),
            f"{entry.time}{'  made before' if entry.reused else ''}  "
            f"{_decision(archive, entry.version)}",
            (),
            "strong" if index == 0 else "plain",
            links.audit_page(archive.study, REPORT, None, entry.version),
        )
        for index, entry in enumerate(reversed(entries))
    ]
    said = f"{len(archive.keys):,} artifacts in the lake; {len(archive.journal):,} became current."
    tree = Node("reports", "newest first" if reports else "none yet", reports)
    return Answer(archive.study, (said,), (tree, _current(archive)), {})


def _current(archive: Archive) -> Node:
    now = list(current_keys(archive))
    assets = [asset for asset in CHAIN if any(key[0] == asset for key in now)]
    return Node(
        "current versions",
        "",
        [
            Node(
                asset,
                "",
                [
                    Node(label(*key), link=links.audit_page(archive.study, *key))
                    for key in sorted(now, key=str)
                    if key[0] == asset
                ],
            )
            for asset in assets
        ],
    )


def _decision(archive: Archive, version: str) -> str:
    if (REPORT, None, version) not in archive.keys:
        return "no longer in the lake"
    return verdict(reviews(archive, archive.artifact(REPORT, None, version)))
