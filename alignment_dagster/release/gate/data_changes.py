"""What differs between the data and declarations of two reports; counts, and no document's text."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from alignment_dagster import chain
from alignment_dagster.audit.diff.answer import difference_as_json
from alignment_dagster.audit.diff.artifact_pairs import pair_artifacts
from alignment_dagster.audit.diff.causes import find_causes
from alignment_dagster.audit.diff.documents import (
    count_changes,
    list_changed_recipes,
    list_changed_sources,
)
from alignment_dagster.audit.diff.items import find_item_changes
from alignment_dagster.audit.diff.ledgers import connect_sides
from alignment_dagster.audit.diff.side import Side


def compare_data(then: Side, now: Side, recipes: Sequence[str]) -> dict[str, Any]:
    """Differences by cause, documents by source and rule, and items by suite.

    Args:
        recipes: whose documents are counted.

    Raises:
        ArtifactError: if an artifact behind a report is not in the lake, or cannot be read.
    """
    found = find_causes(pair_artifacts(then, now), then, now)
    with connect_sides(then, now) as connection:
        changed = [recipe for recipe in list_changed_recipes(then, now) if recipe in recipes]
        there = set(_list_sources(then)) & set(_list_sources(now))
        documents = count_changes(
            connection,
            changed,
            [source for source in list_changed_sources(then, now) if source in there],
        )
        items = Counter((one.suite, one.what) for one in find_item_changes(connection))
    return {
        "differences": [
            {**difference_as_json(one), "sentence": one.sentence} for one in found.differences
        ],
        "sources": _find_one_sided(then, now),
        "documents": documents,
        "items": [
            {"suite": suite, "what": what, "items": count}
            for (suite, what), count in sorted(items.items())
        ],
    }


def _list_sources(side: Side) -> list[str]:
    return [one.partition or "" for one in side.all(chain.RAW_CORPUS)]


def _find_one_sided(then: Side, now: Side) -> dict[str, list[str]]:
    old, new = _list_sources(then), _list_sources(now)
    return {
        "only_then": [source for source in old if source not in new],
        "only_now": [source for source in new if source not in old],
    }
