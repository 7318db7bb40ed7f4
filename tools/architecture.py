"""Draws the chain of assets as `docs/architecture.svg`: `python tools/architecture.py`.

Everything in the picture comes from `alignment_dagster/chain.py`. A line that says nothing new (a
parent that is an ancestor of another parent) is left out.
"""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

import networkx as nx

from alignment_dagster.chain import CHAIN, WAVES, Asset, By

PICTURE = Path(__file__).parents[1] / "docs" / "architecture.svg"
WIDTH, MARGIN, LABELS = 1000, 8, 132
"""Pixels of the picture, around it, and of the waves' labels on the left."""
BOX, HEIGHT, BESIDE, BELOW = 196, 40, 16, 36
"""Pixels of a box, and between two of them."""
EDGE = 10
"""Pixels between a wave's edge and its boxes."""
FILLS: Mapping[By, tuple[str, str]] = {
    By.STUDY: ("#ffffff", "one in the study"),
    By.SOURCE: ("#dcebd9", "one for each source"),
    By.CLASSIFIER: ("#eadcf2", "one for each classifier"),
    By.RECIPE: ("#fbe6c8", "one for each recipe"),
    By.REPLICATE: ("#d6e4f5", "one for each recipe and seed"),
    By.TRUNK: ("#d9f0f0", "for recipes that others branch from"),
}
STYLE = (
    "text{font:13px sans-serif;fill:#222}.by{font-size:11px;fill:#555}"
    "rect{stroke:#777}.wave{fill:#f4f4f4;stroke:none}"
    "path{fill:none;stroke:#555;stroke-width:1.3}marker path{fill:#555;stroke:none}"
)
ARROW = (
    '<marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
)
Place = tuple[float, float]
"""The middle of a box's upper edge."""


def lines() -> "nx.DiGraph[str]":
    """From parent to child, without what follows from other lines."""
    edges = [(parent, asset.name) for asset in CHAIN.values() for parent in asset.parents]
    reduced: nx.DiGraph[str] = nx.transitive_reduction(nx.DiGraph(edges))
    return reduced


def rows(graph: "nx.DiGraph[str]") -> Iterator[tuple[int, list[list[Asset]]]]:
    """The waves by number, each as rows of assets that do not wait for each other."""
    for number, wave in enumerate(WAVES, start=1):
        inside = graph.subgraph(asset.name for asset in wave)
        generations = nx.topological_generations(inside)
        order = {name: depth for depth, names in enumerate(generations) for name in names}
        depths = range(1 + max(order.values()))
        yield number, [[one for one in wave if order[one.name] == depth] for depth in depths]


def across(row: list[Asset], places: Mapping[str, Place], graph: "nx.DiGraph[str]") -> list[float]:
    """The middles of a row's boxes; what stands alone stands below its parents."""
    middle = (LABELS + WIDTH - MARGIN) / 2
    if len(row) == 1:
        above = [places[parent][0] for parent in graph.predecessors(row[0].name)]
        return [sum(above) / len(above) if above else middle]
    step = BOX + BESIDE
    return [middle + step * (place - (len(row) - 1) / 2) for place in range(len(row))]


def box(asset: Asset, place: Place) -> str:
    """An asset, coloured by its partitions."""
    x, y = place
    fill, words = FILLS[asset.by]
    return (
        f'<rect x="{x - BOX / 2:g}" y="{y:g}" width="{BOX}" height="{HEIGHT}" rx="4" '
        f'fill="{fill}"/><text x="{x:g}" y="{y + 17:g}" text-anchor="middle">'
        f'{escape(asset.name)}</text><text class="by" x="{x:g}" y="{y + 32:g}" '
        f'text-anchor="middle">{escape(words)}</text>'
    )


def line(start: Place, end: Place) -> str:
    """From below the parent to above the child."""
    (x1, y1), (x2, y2) = (start[0], start[1] + HEIGHT), end
    bend = (y2 - y1) / 2
    return (
        f'<path d="M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}" '
        'marker-end="url(#to)"/>'
    )


def picture() -> str:
    """The whole SVG; the same chain gives the same text."""
    graph = lines()
    places: dict[str, Place] = {}
    waves, y = [], float(MARGIN)
    for number, wave in rows(graph):
        top = y
        y += EDGE
        for row in wave:
            middles = across(row, places, graph)
            places |= {one.name: (x, y) for one, x in zip(row, middles, strict=True)}
            y += HEIGHT + BELOW
        y += EDGE - BELOW
        waves.append(
            f'<rect class="wave" x="{MARGIN}" y="{top:g}" width="{WIDTH - 2 * MARGIN}" '
            f'height="{y - top:g}" rx="6"/>'
            f'<text x="{MARGIN + 12}" y="{top + EDGE + 17:g}">wave {number}</text>'
        )
        y += BELOW - EDGE
    height = y - BELOW + EDGE + MARGIN
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
            f'width="{WIDTH}" height="{height:g}">',
            "<title>The chain: what each asset is made from</title>",
            f"<style>{STYLE}</style>",
            ARROW,
            f'<rect width="{WIDTH}" height="{height:g}" style="fill:white;stroke:none"/>',
            *waves,
            *(line(places[parent], places[child]) for parent, child in sorted(graph.edges)),
            *(box(asset, places[asset.name]) for asset in CHAIN.values()),
            "</svg>",
            "",
        )
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
