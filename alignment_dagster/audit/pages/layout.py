"""Where each artifact stands in the picture of what was made from what. Pure geometry, in pixels.

Columns follow the chain; within a column, assets stand below each other, a row for each source or
recipe; the seeds of a recipe stand side by side in its row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alignment_dagster.audit.archive import Key

COLUMNS: tuple[tuple[str, ...], ...] = (
    ("raw_corpus",),
    ("scored_corpus",),
    ("documents", "dispositions", "tokenizer"),
    ("curated_mix",),
    ("pretrained_checkpoint",),
    ("post_trained_checkpoint",),
    ("evaluation", "tampering", "attacks", "harness"),
    ("mix_composition", "metrics"),
    ("eval_report",),
)
WIDE, SEED, ROW, GAP = 142.0, 20.0, 24.0, 6.0
NAME = 134.0
"""Room for a recipe's name before its seeds."""
ASIDE = 34.0
"""Between two columns: room for the edges."""
HEAD = 22.0
MARGIN = 12.0


@dataclass(frozen=True)
class Placed:
    """An artifact's rectangle; `text` stands in it."""

    key: Key
    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Said:
    """A text on its own: an asset's name, or a recipe's; `y` is its baseline."""

    text: str
    x: float
    y: float
    heading: bool


@dataclass(frozen=True)
class Layout:
    """The whole picture."""

    width: float
    height: float
    nodes: Sequence[Placed]
    texts: Sequence[Said]


def layout(keys: Sequence[Key]) -> Layout:
    """Place every artifact of a chain asset, several versions of one partition too."""
    nodes: list[Placed] = []
    texts: list[Said] = []
    x, lowest = MARGIN, 0.0
    for assets in COLUMNS:
        own = [key for key in keys if key[0] in assets]
        if not own:
            continue
        y, right = MARGIN, x
        for asset in assets:
            rows = _rows([key for key in own if key[0] == asset])
            if rows:
                texts.append(Said(asset.replace("_", " "), x, y + 12, heading=True))
                y += HEAD
            for row in rows:
                placed, named = _place(row, x, y)
                nodes += placed
                texts += named
                right = max(right, *(one.x + one.width for one in placed))
                y += ROW + GAP
            y += GAP if rows else 0
        lowest = max(lowest, y)
        x = right + ASIDE
    return Layout(x - ASIDE + MARGIN, lowest + MARGIN, nodes, texts)


def _rows(keys: Sequence[Key]) -> list[list[Key]]:
    """The keys of one asset: those of a recipe with seeds together, each other on its own."""
    rows: dict[str, list[Key]] = {}
    for key in keys:
        recipe, seeded, _ = (key[1] or "").partition("|")
        rows.setdefault(recipe if seeded else f"{key[1]}@{key[2]}", []).append(key)
    return [sorted(row, key=_seed) for row in rows.values()]


def _seed(key: Key) -> tuple[int, str]:
    return int((key[1] or "|0").partition("|")[2] or 0), key[2]


def _place(row: Sequence[Key], x: float, y: float) -> tuple[list[Placed], list[Said]]:
    recipe, seeded, _ = (row[0][1] or "").partition("|")
    if not seeded:
        asset, partition, version = row[0]
        return [Placed((asset, partition, version), x, y, WIDE, ROW, recipe or version[:8])], []
    nodes = [
        Placed(key, x + NAME + index * (SEED + 3), y, SEED, ROW, str(_seed(key)[0]))
        for index, key in enumerate(row)
    ]
    return nodes, [Said(recipe, x, y + 16, heading=False)]
