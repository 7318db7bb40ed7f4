"""Columns, boxes and their sizes in pixels: what the picture of the past is put together from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alignment_dagster import chain
from alignment_dagster.chain import BY_SOURCE
from alignment_dagster.lineage.provenance import Key

TOGETHER: tuple[tuple[str, ...], ...] = (
    (chain.DOCUMENTS, chain.DISPOSITIONS, chain.TOKENIZER),
    (chain.EVALUATION, chain.TAMPERING, chain.ATTACKS, chain.HARNESS),
    (chain.MIX_COMPOSITION, chain.METRICS),
)
"""Assets that share a column; every other one has its own."""
_SHARED = {asset: assets for assets in TOGETHER for asset in assets}
COLUMNS = tuple(dict.fromkeys(_SHARED.get(asset, (asset,)) for asset in chain.ORDER))
"""From left to right."""
SOURCES = frozenset(BY_SOURCE)
TITLES: Mapping[str, str] = {
    chain.DOCUMENTS: "tables, tokenizer",
    chain.TRUNK_CHECKPOINT: "trunk",
    chain.PRETRAINED_CHECKPOINT: "pretrained",
    chain.POST_TRAINED_CHECKPOINT: "post-trained",
    chain.EVALUATION: "measurements",
    chain.MIX_COMPOSITION: "tables",
}
"""Of columns, by their first asset, where the asset's name is not used."""
WIDTHS: Mapping[str, float] = {
    chain.RAW_CORPUS: 128.0,
    chain.DOCUMENTS: 100.0,
    chain.CURATED_MIX: 122.0,
    chain.EVALUATION: 176.0,
    chain.MIX_COMPOSITION: 112.0,
}
WIDTH = 92.0
LOW, TALL = 18.0, 32.0
"""Heights of a box: measurements, of which there are most, have one line."""
NEAR, LANE, BAND = 3.0, 8.0, 10.0
"""Between low boxes, between tall boxes or lanes, and between bands."""
INSIDE, NAME = 6.0, 16.0
"""Between a band's edge and its boxes, and the height of its name."""
ASIDE = 24.0
"""Between two columns: room for the lines."""
HEAD, MARGIN = 24.0, 8.0


@dataclass(frozen=True)
class Box:
    """An artifact's rectangle."""

    key: Key
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Panel:
    """The rectangle behind all that belongs to a recipe; its name stands at `text_x`."""

    recipe: str
    x: float
    y: float
    width: float
    height: float
    text_x: float


@dataclass(frozen=True)
class Heading:
    """A column's name, at its baseline."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Layout:
    """The whole picture."""

    width: float
    height: float
    boxes: Sequence[Box]
    panels: Sequence[Panel]
    headings: Sequence[Heading]


@dataclass(frozen=True)
class Column:
    """Assets that stand below each other."""

    assets: tuple[str, ...]
    x: float
    width: float

    @property
    def title(self) -> str:
        return TITLES.get(self.assets[0], self.assets[0].replace("_", " "))

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def step(self) -> tuple[float, float]:
        """Height of a box, and the room between two."""
        return (LOW, NEAR) if self.assets[0] == chain.EVALUATION else (TALL, LANE)


@dataclass(frozen=True)
class Cell:
    """The artifacts that stand at one place of a column."""

    column: Column
    keys: Sequence[Key]

    @property
    def height(self) -> float:
        box, room = self.column.step
        return total([box] * len(self.keys), room)

    def boxes(self, y: float, height: float) -> list[Box]:
        """In the middle of a lane of that height."""
        box, room = self.column.step
        top = y + (height - self.height) / 2
        return [
            Box(key, self.column.x, top + number * (box + room), self.column.width, box)
            for number, key in enumerate(self.keys)
        ]


Lane = Sequence[Cell]


def columns(keys: Iterable[Key]) -> list[Column]:
    """Those that hold something, from left to right."""
    there = {key[0] for key in keys}
    found, x = [], MARGIN
    for assets in COLUMNS:
        if there.intersection(assets):
            width = WIDTHS.get(assets[0], WIDTH)
            found.append(Column(assets, x, width))
            x += width + ASIDE
    return found


def cell(column: Column, keys: Iterable[Key]) -> Cell:
    """Those of the keys that belong to a column; assets in its order, else as they were given."""
    own = [key for key in keys if key[0] in column.assets]
    return Cell(column, sorted(own, key=lambda key: column.assets.index(key[0])))


def lane_height(lane: Lane) -> float:
    """Of its highest cell."""
    return max((one.height for one in lane), default=0.0)


def total(heights: Sequence[float], between: float) -> float:
    """Of things below each other."""
    return sum(heights) + between * max(0, len(heights) - 1)
