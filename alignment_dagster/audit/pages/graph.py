"""The graph of past materializations behind an artifact, and of what was made from it, as SVG."""

from collections.abc import Mapping, Sequence
from html import escape

from alignment_dagster import links
from alignment_dagster.audit.archive import Archive, Key
from alignment_dagster.audit.pages.layout import Layout, Placed, Said, layout
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.visible import visible

LONGEST = 22
"""Characters of a name; the whole is in the tooltip."""


def graph(archive: Archive, artifact: Artifact) -> str:
    """An SVG element: every ancestor and descendant, each linked to its page.

    Lines that say nothing new (a parent that also is an ancestor of another parent) are drawn only
    for the box that is pointed at; there every exact parent lights up.

    Raises:
        ArtifactError: if an ancestor is not in the lake.
    """
    shown = {key_of(one): one for one in archive.closure([artifact])}
    shown |= {key_of(one): one for one in archive.descendants([artifact])}
    placed = layout(list(shown))
    places = {node.key: node for node in placed.nodes}
    parents = {key: _parents(one, places) for key, one in shown.items()}
    lines = [
        _edge(places[parent], places[key], near=key_of(artifact) in (parent, key))
        for key, parent in direct_edges(parents)
    ]
    groups = [
        _group(shown[node.key], node, [places[key] for key in parents[node.key]], artifact)
        for node in placed.nodes
    ]
    title = f"What {artifact.label} was made from, and what was made from it"
    parts = (_opening(placed, title), *lines, *map(_said, placed.texts), *groups, "</svg>")
    return "\n".join(parts)


def direct_edges(parents: Mapping[Key, Sequence[Key]]) -> list[tuple[Key, Key]]:
    """(artifact, parent) for the parents that are no ancestors of its other parents."""
    above: dict[Key, set[Key]] = {}

    def ancestors(key: Key) -> set[Key]:
        if key not in above:
            own = parents.get(key, ())
            above[key] = set(own).union(*(ancestors(parent) for parent in own))
        return above[key]

    return [
        (key, parent)
        for key, own in parents.items()
        for parent in own
        if not any(parent in ancestors(other) for other in own if other != parent)
    ]


def key_of(artifact: Artifact) -> Key:
    """Asset, partition and version."""
    return artifact.asset, artifact.partition, artifact.version


def _parents(artifact: Artifact, places: Mapping[Key, Placed]) -> list[Key]:
    named = [
        (parent.asset, parent.partition, parent.version)
        for parent in artifact.provenance.inputs.parents
    ]
    return [key for key in dict.fromkeys(named) if key in places]


def _opening(placed: Layout, title: str) -> str:
    size = f"{placed.width:.0f} {placed.height:.0f}"
    return (
        f'<svg class="graph" viewBox="0 0 {size}" width="{placed.width:.0f}" '
        f'height="{placed.height:.0f}" role="img" aria-label="{_text(title)}">'
    )


def _said(said: Said) -> str:
    kind = "asset" if said.heading else "recipe"
    return f'<text class="{kind}" x="{said.x:.0f}" y="{said.y:.0f}">{_short(said.text)}</text>'


def _group(artifact: Artifact, node: Placed, parents: Sequence[Placed], chosen: Artifact) -> str:
    """A box with lines to all its parents, which show while it is pointed at."""
    marks = ["chosen"] if node.key == key_of(chosen) else []
    marks += ["failed"] if artifact.provenance.failed else []
    title = f"{artifact.label}, made {artifact.provenance.started}"
    page = links.audit_page(artifact.provenance.inputs.study, *node.key)
    return (
        f'<g class="{" ".join(("node", *marks))}">'
        f"{''.join(_edge(parent, node, near=False) for parent in parents)}"
        f'<a href="{_text(page)}"><title>{_text(title)}</title>'
        f'<rect x="{node.x:.0f}" y="{node.y:.0f}" width="{node.width:.0f}" '
        f'height="{node.height:.0f}" rx="3"/>'
        f'<text x="{node.x + node.width / 2:.0f}" y="{node.y + 16:.0f}">{_short(node.text)}</text>'
        "</a></g>"
    )


def _edge(start: Placed, end: Placed, *, near: bool) -> str:
    """From the right of the parent to the left of what was made from it."""
    x1, y1 = start.x + start.width, start.y + start.height / 2
    x2, y2 = end.x, end.y + end.height / 2
    bend = max(14.0, (x2 - x1) / 2)
    to = f"C{x1 + bend:.0f} {y1:.1f} {x2 - bend:.0f} {y2:.1f} {x2:.0f} {y2:.1f}"
    marked = ' class="near"' if near else ""
    return f'<path{marked} d="M{x1:.0f} {y1:.1f}{to}"/>'


def _short(text: str) -> str:
    return _text(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def _text(text: str) -> str:
    return escape(visible(text), quote=True)
