"""Where each artifact stands in the picture of what was made from what. Pure geometry.

Columns follow the chain. Sources have a lane each; so has every seed of a recipe, and the lanes of
a recipe form a band. What has no partition stands in the middle of its column. Several versions of
one partition stand below each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alignment_dagster import chain
from alignment_dagster.audit.pages.geometry import (
    BAND,
    HEAD,
    INSIDE,
    LANE,
    MARGIN,
    NAME,
    SOURCES,
    Box,
    Cell,
    Column,
    Heading,
    Lane,
    Layout,
    Panel,
    cell,
    columns,
    lane_height,
    total,
)
from alignment_dagster.lineage.partition_keys import find_seed, recipe_of
from alignment_dagster.lineage.provenance import Key

TOP = MARGIN + HEAD


@dataclass(frozen=True)
class Recipe:
    """A band's content: the recipe's mixes, and a lane for each of its seeds."""

    name: str
    mixes: Lane
    lanes: Sequence[Lane]

    @property
    def height(self) -> float:
        seeded = NAME + total([lane_height(lane) for lane in self.lanes], LANE)
        return 2 * INSIDE + max(lane_height(self.mixes), seeded)

    def boxes(self, y: float) -> list[Box]:
        found = [box for one in self.mixes for box in one.boxes(y, self.height)]
        return found + _stacked(self.lanes, y + INSIDE + NAME)


def layout(keys: Sequence[Key]) -> Layout:
    """Place artifacts; those of one cell stand in the order given."""
    every = columns(keys)
    of_sources = [one for one in every if SOURCES.intersection(one.assets)]
    of_recipes = [one for one in every if _is_of_recipes(one, keys)]
    free = [cell(one, keys) for one in every if one not in of_sources and one not in of_recipes]
    lanes = _sources(of_sources, keys)
    recipes = _recipes(of_recipes, keys)
    heights = [one.height for one in recipes]
    inner = max(
        total([lane_height(lane) for lane in lanes], LANE), total(heights, BAND), lane_height(free)
    )
    bands, boxes = _place_panels(recipes, of_recipes, TOP + (inner - total(heights, BAND)) / 2)
    boxes += _stacked(lanes, TOP)
    boxes += [box for one in free for box in one.boxes(TOP, inner)]
    headings = [Heading(one.title, one.x, MARGIN + 12) for one in every]
    right = max((one.right for one in every), default=0.0)
    return Layout(right + INSIDE + MARGIN, TOP + inner + MARGIN, boxes, bands, headings)


def _is_of_recipes(column: Column, keys: Sequence[Key]) -> bool:
    return chain.CURATED_MIX in column.assets or any(
        find_seed(key[1]) is not None for key in keys if key[0] in column.assets
    )


def _sources(found: Sequence[Column], keys: Sequence[Key]) -> list[Lane]:
    own = [key for key in keys if key[0] in SOURCES]
    names = sorted({recipe_of(key[1]) for key in own})
    return [
        [cell(one, [key for key in own if recipe_of(key[1]) == name]) for one in found]
        for name in names
    ]


def _recipes(found: Sequence[Column], keys: Sequence[Key]) -> list[Recipe]:
    own = [key for key in keys if any(key[0] in one.assets for one in found)]
    return [
        _recipe(name, found, [key for key in own if recipe_of(key[1]) == name])
        for name in sorted({recipe_of(key[1]) for key in own})
    ]


def _recipe(name: str, found: Sequence[Column], keys: Sequence[Key]) -> Recipe:
    mixes = [cell(one, keys) for one in found if chain.CURATED_MIX in one.assets]
    seeded = [one for one in found if chain.CURATED_MIX not in one.assets]
    seeds = sorted({find_seed(key[1]) or 0 for key in keys if key[0] != chain.CURATED_MIX})
    lanes: list[list[Cell]] = [
        [cell(one, [key for key in keys if (find_seed(key[1]) or 0) == seed]) for one in seeded]
        for seed in seeds
    ]
    return Recipe(name, mixes, lanes)


def _place_panels(
    recipes: Sequence[Recipe], found: Sequence[Column], y: float
) -> tuple[list[Panel], list[Box]]:
    bands: list[Panel] = []
    boxes: list[Box] = []
    for one in recipes:
        left, right = found[0].x - INSIDE, found[-1].right + INSIDE
        text_x = found[min(len(found) - 1, int(chain.CURATED_MIX in found[0].assets))].x
        bands.append(Panel(one.name, left, y, right - left, one.height, text_x))
        boxes += one.boxes(y)
        y += one.height + BAND
    return bands, boxes


def _stacked(lanes: Sequence[Lane], y: float) -> list[Box]:
    boxes: list[Box] = []
    for lane in lanes:
        height = lane_height(lane)
        boxes += [box for one in lane for box in one.boxes(y, height)]
        y += height + LANE
    return boxes
