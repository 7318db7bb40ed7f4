"""What differs: one line a thing, wherever it shows, and whether it can have moved a number."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from alignment_dagster.audit.diff.declarations import Path, format_path, format_value
from alignment_dagster.audit.diff.side import OWN, Key, format_key
from alignment_dagster.chain import ORDER

Kind = Literal["declaration", "data", "lexicon", "items", "code", "environment", "unexplained"]
KINDS: dict[Kind, int] = {kind: place for place, kind in enumerate(get_args(Kind))}
ENTITIES = {
    "recipes": "recipe",
    "sources": "source",
    "suites": "suite",
    "claims": "claim",
    "tampering": "tampering",
}
"""Lists of a study whose elements are things of their own."""
DBT = "dbt_project"
DERIVED = (("recipes", "shares"), ("suites", "metric"))
"""Fields that follow from others of the same thing."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same on both sides."""

    kind: Kind
    path: Path
    """Of a declared field: in the study's own declaration; else what it is about."""
    before: Any
    after: Any
    where: tuple[Key, ...]
    """The artifacts whose own records show it."""
    reaches: bool
    """Whether measurements that differ were made from what it changed."""

    @property
    def about(self) -> str:
        """The thing as a whole, of which this may be one field."""
        head, *rest = self.path
        if self.kind == "declaration":
            if head in ENTITIES and rest:
                thing = "the recipe" if rest[0] == OWN else f"{ENTITIES[head]} {rest[0]}"
                return f"declaration of {thing}"
            return f"declaration of {head}"
        return "code" if self.kind == "code" else self.title

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        said = format_path(self.path)
        assets = dict.fromkeys(key[0] for key in self.where)
        return {
            "declaration": said.replace(f"recipes.{OWN}", "recipe"),
            "data": f"data of source {said}",
            "lexicon": f"what the scorer {said} reads",
            "items": f"items of suite {said}",
            "code": f"code of {said if self.path == (DBT,) else ', '.join(assets)}",
            "environment": f"environment: {said}",
            "unexplained": f"{said}: the same inputs gave other bytes",
        }[self.kind]

    @property
    def sentence(self) -> str:
        """The thing and its two values."""
        if self.kind == "unexplained":
            return self.title
        return f"{self.title}: {format_value(self.before)} → {format_value(self.after)}"


def merge_differences(found: Iterable[Difference]) -> list[Difference]:
    """The same change in many artifacts as one, without what only follows from another.

    What can have moved a number comes first, then the order is the chain's.
    """
    merged: dict[str, Difference] = {}
    for one in found:
        # Code is told apart by its digests alone: several assets may share it.
        path = () if one.kind == "code" else one.path
        if one.kind == "declaration" and len(path) == 2 and path[0] in ENTITIES:
            values: tuple[str, ...] = (str(type(one.before)), str(type(one.after)))
        else:
            values = tuple(json.dumps(value, default=str) for value in (one.before, one.after))
        key = json.dumps([one.kind, path, values])
        merged[key] = _join(merged[key], one) if key in merged else one
    kept = list(merged.values())
    for one in list(kept):
        if origins := [other for other in kept if other != one and _follows_from(one, other)]:
            kept.remove(one)
            kept = [_join(other, one) if other in origins else other for other in kept]
    return sorted(kept, key=lambda one: (not one.reaches, _order(one.where[0]), KINDS[one.kind]))


def format_places(keys: Sequence[Key]) -> str:
    """Assets with their partitions, in one line."""
    by_asset: dict[str, list[str]] = {}
    for asset, partition in keys:
        by_asset.setdefault(asset, []).append(partition or "")
    return ", ".join(
        format_key((asset, ", ".join(parts) if parts[0] else None))
        if len(parts) < 4
        else f"{asset} ({len(parts)} partitions)"
        for asset, parts in by_asset.items()
    )


def _join(one: Difference, other: Difference) -> Difference:
    where = tuple(sorted({*one.where, *other.where}, key=_order))
    return replace(one, where=where, reaches=one.reaches or other.reaches)


def _order(key: Key) -> tuple[int, str]:
    return ORDER.index(key[0]), key[1] or ""


def _follows_from(one: Difference, other: Difference) -> bool:
    """Shares follow from the recipe, a pinned digest from the data, leaked items from the items."""
    if one.kind == "lexicon" and one.path == ("contamination",):
        return other.kind == "items" or _is_whole(other, "suites")
    if one.kind == "items":
        return _is_whole(other, "suites") and other.path[1:] == one.path
    if one.kind != "declaration" or one.path[0] not in ENTITIES:
        return False
    head, thing, *field = (*one.path, "")
    if head == "sources" and field[0] == "sha256":
        return other.kind == "data" and other.path == (thing,)
    if (head, field[0]) in DERIVED:
        same = other.kind == "declaration" and other.path[:2] == one.path[:2]
        return same and other.path[2:3] != one.path[2:3]
    return False


def _is_whole(one: Difference, head: str) -> bool:
    """Whether it is a whole element that one side does not have."""
    return one.kind == "declaration" and len(one.path) == 2 and one.path[0] == head
