"""The graph of past materializations behind artifacts, and of what was made from them, as SVG."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alignment_dagster.audit.artifact_list import current_keys
from alignment_dagster.audit.pages.drawing import Node, draw
from alignment_dagster.audit.pages.layout import layout
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.ancestry import ancestry, direct_edges, parent_keys
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.lineage.tombstone import is_collected

MOST = 400
"""Boxes that a picture can have; beyond, only what was made directly from the chosen one is shown.
"""


@dataclass(frozen=True)
class Graph:
    """A picture, and what to say below it."""

    svg: str
    caption: str


def graph(archive: Archive, roots: Sequence[Artifact], chosen: Artifact | None = None) -> Graph:
    """Every ancestor of some artifacts, each linked to its page.

    Lines that say nothing new (a parent that also is an ancestor of another parent) are drawn only
    for the box that is pointed at; there every exact parent and child lights up.

    Args:
        chosen: stands out, and what was made from it is shown too.
    """
    shown = _ancestors(archive, roots)
    left_out = 0
    if chosen is not None:
        after = archive.descendants([chosen])
        if len(shown) + len(after) > MOST:
            left_out = len(after) - 1 - len(archive.children(chosen))
            after = archive.children(chosen)
        shown |= {one.key: one for one in after}
    shown = dict(sorted(shown.items(), key=_by_time))
    nodes = _nodes(archive, shown, chosen)
    parents = {
        key: [parent for parent in parent_keys(one) if parent in shown] if one else []
        for key, one in shown.items()
    }
    svg = draw(layout(list(nodes)), nodes, parents, direct_edges(parents))
    return Graph(svg, _caption(nodes, left_out))


def _ancestors(archive: Archive, roots: Iterable[Artifact]) -> dict[Key, Artifact | None]:
    """The artifacts and all their ancestors; None for one that is not in the lake any more."""
    there = set(archive.keys)
    found: dict[Key, Artifact | None] = {}

    def parents(key: Key) -> list[Key]:
        try:
            found[key] = artifact = archive.artifact(*key) if key in there else None
        except ArtifactError:
            found[key] = artifact = None
        return parent_keys(artifact) if artifact else []

    ancestry((root.key for root in roots), parents)
    return found


def _by_time(item: tuple[Key, Artifact | None]) -> tuple[str, str, str]:
    (asset, partition, _), artifact = item
    return asset, partition or "", artifact.provenance.started if artifact else ""


def _nodes(
    archive: Archive, shown: Mapping[Key, Artifact | None], chosen: Artifact | None
) -> dict[Key, Node]:
    current = current_keys(archive)
    reused = [one.key for one in archive.journal if one.reused]
    days = {one.provenance.started[:10] for one in shown.values() if one}
    return {
        key: Node(
            study=archive.study,
            made=_day_or_time(artifact, several_days=len(days) > 1),
            exactly=artifact.provenance.started if artifact else "",
            reused=reused.count(key),
            failed=[check.name for check in artifact.provenance.failed] if artifact else [],
            warned=_warned(artifact),
            current=key in current,
            gone=artifact is None,
            collected=artifact is not None and is_collected(artifact.path),
            chosen=chosen is not None and key == chosen.key,
        )
        for key, artifact in shown.items()
    }


def _day_or_time(artifact: Artifact | None, *, several_days: bool) -> str:
    """The day, or the time of day where all were made on one."""
    if artifact is None:
        return "gone"
    started = artifact.provenance.started
    return started[5:10] if several_days else started[11:16]


def _warned(artifact: Artifact | None) -> list[str]:
    checks = artifact.provenance.checks if artifact else ()
    return [check.name for check in checks if not check.passed and not check.blocking]


def _caption(nodes: Mapping[Key, Node], left_out: int) -> str:
    days = sorted({node.exactly[:10] for node in nodes.values() if node.exactly})
    when = f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}" if days else ""
    marks = [
        ("↻ taken again, not made anew", any(node.reused for node in nodes.values())),
        ("! a check warned", any(node.warned for node in nodes.values())),
        ("✕ a blocking check failed", any(node.failed for node in nodes.values())),
        ("dashed: not the current version", not all(node.current for node in nodes.values())),
        ("red border: collected as garbage", any(node.collected for node in nodes.values())),
        (f"{left_out:,} more that were made from it are not drawn", left_out > 0),
    ]
    said = "".join(f" · {text}" for text, used in marks if used)
    return (
        f"{len(nodes)} artifacts, made {when} (UTC). Point at a box, or tab to it: solid lines "
        f"lead to what it was made from, dotted ones to what was made from it{said}."
    )
