"""A layout drawn as SVG: boxes that are links, and lines from each parent to what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from alignment_dagster.audit.pages.geometry import (
    COLUMNS,
    LOW,
    Box,
    Heading,
    Layout,
    Panel,
)
from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage.lake import label
from alignment_dagster.lineage.partition_keys import find_seed
from alignment_dagster.lineage.provenance import Key

LETTER = 6.3
"""Pixels of a letter of a name, in the widest of the fonts."""
VERSION = 8
BOW = 14.0
"""How far a line within a column swings out."""
SHARED = frozenset(asset for assets in COLUMNS if len(assets) > 1 for asset in assets)
"""Assets that share a column: their boxes say which."""


@dataclass(frozen=True)
class Node:
    """What a box says."""

    study: str
    made: str
    """In short."""
    exactly: str
    """When its making began, UTC."""
    reused: int
    failed: Sequence[str]
    """Blocking checks."""
    warned: Sequence[str]
    """Other checks that did not pass."""
    current: bool
    gone: bool
    collected: bool
    """As garbage: only its records are there."""
    chosen: bool


def draw(
    placed: Layout,
    nodes: Mapping[Key, Node],
    parents: Mapping[Key, Sequence[Key]],
    drawn: Iterable[tuple[Key, Key]],
) -> str:
    """The SVG element.

    Args:
        parents: of each artifact, all of them: shown while its box is pointed at.
        drawn: (artifact, parent): the lines that are always there.
    """
    boxes = {box.key: box for box in placed.boxes}
    children: dict[Key, list[Key]] = {}
    for key, own in parents.items():
        for parent in own:
            children.setdefault(parent, []).append(key)
    lines = [
        line(boxes[parent], boxes[key], "near" if nodes[key].chosen or nodes[parent].chosen else "")
        for key, parent in drawn
    ]
    groups = [
        _group(
            box,
            nodes[box.key],
            [line(boxes[parent], box, "up") for parent in parents.get(box.key, ())]
            + [line(box, boxes[child], "down") for child in children.get(box.key, ())],
        )
        for box in placed.boxes
    ]
    parts = (*map(_draw_panel, placed.panels), *map(_heading, placed.headings), *lines, *groups)
    return "\n".join((_opening(placed), *parts, "</svg>"))


def line(start: Box, end: Box, kind: str = "") -> str:
    """From the right of the parent to the left of what was made from it.

    Within a column, from right to right: it passes beside the boxes between.
    """
    x1, y1 = start.x + start.width, start.y + start.height / 2
    x2, y2 = end.x, end.y + end.height / 2
    bend = (x2 - x1) / 2
    back = x2 - bend
    if x2 < x1:
        x2, bend = end.x + end.width, BOW
        back = x2 + BOW
    to = f"C{x1 + bend:g} {y1:g} {back:g} {y2:g} {x2:g} {y2:g}"
    marked = f' class="{kind}"' if kind else ""
    return f'<path{marked} d="M{x1:g} {y1:g}{to}"/>'


def cut(text: str, letters: int) -> str:
    """A name with its middle left out where it is too long: both ends tell names apart."""
    if len(text) <= letters:
        return text
    head = letters // 2
    return f"{text[:head]}…{text[head + 1 - letters :]}"


def _opening(placed: Layout) -> str:
    return (
        f'<svg class="graph" viewBox="0 0 {placed.width:g} {placed.height:g}" role="group" '
        f'style="--wide:{placed.width:g}px" aria-label="What was made from what">'
    )


def _draw_panel(band: Panel) -> str:
    return (
        f'<rect class="band" x="{band.x:g}" y="{band.y:g}" width="{band.width:g}" '
        f'height="{band.height:g}" rx="4"/>'
        f'<text class="recipe" x="{band.text_x:g}" y="{band.y + 16:g}">{_text(band.recipe)}</text>'
    )


def _heading(heading: Heading) -> str:
    return f'<text class="asset" x="{heading.x:g}" y="{heading.y:g}">{_text(heading.text)}</text>'


def _group(box: Box, node: Node, lines: Sequence[str]) -> str:
    kinds = {"chosen": node.chosen, "failed": bool(node.failed), "past": not node.current,
             "gone": node.gone or node.collected}  # fmt: skip
    kind = " ".join(("node", *(name for name, applies in kinds.items() if applies)))
    rect = (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="3"/>'
    )
    inside = f"<title>{_text(_title(box.key, node))}</title>{rect}{_draw_text(box, node)}"
    if not node.gone:
        page = page_links.audit_page(node.study, *box.key)
        inside = f'<a href="{_text(page)}">{inside}</a>'
    return f'<g class="{kind}">{"".join(lines)}{inside}</g>'


def _draw_text(box: Box, node: Node) -> str:
    """Name and marks, then version and time: below, or behind in a low box."""
    low = box.height == LOW
    marks = ("↻" if node.reused else "") + ("!" if node.warned else "") + "✕" * bool(node.failed)
    room = int((box.width - 10) / LETTER) - (len(marks) + 1 if marks else 0)
    name = _text(cut(_box_name(box.key), room))
    made = _text(f"{box.key[2][:VERSION]} {node.made}")
    first = box.y + (13 if low else 14)
    mark_x = box.x + box.width - (90 if low else 5)
    second = (
        f'<text class="made end" x="{box.x + box.width - 5:g}" y="{first:g}">{made}</text>'
        if low
        else f'<text class="made" x="{box.x + 5:g}" y="{box.y + 26:g}">{made}</text>'
    )
    mark = f'<text class="mark" x="{mark_x:g}" y="{first:g}">{marks}</text>' if marks else ""
    return f'<text x="{box.x + 5:g}" y="{first:g}">{name}</text>{mark}{second}'


def _box_name(key: Key) -> str:
    asset, partition, _ = key
    if asset in SHARED or partition is None:
        return asset
    seed = find_seed(key[1])
    return partition if seed is None else f"seed {seed}"


def _title(key: Key, node: Node) -> str:
    if node.gone:
        return f"{label(*key)}: not in the lake any more, or not readable"
    said = [label(*key), f"made {node.exactly}"]
    said += [f"taken again {node.reused} times"] if node.reused else []
    said += [f"failed: {', '.join(node.failed)}"] if node.failed else []
    said += [f"warned: {', '.join(node.warned)}"] if node.warned else []
    said += [] if node.current else ["not the current version"]
    said += ["collected as garbage"] if node.collected else []
    return "\n".join(said)


def _text(text: str) -> str:
    return escape(visible(text), quote=True)
