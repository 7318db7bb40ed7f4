"""A comparison as an answer: sentences, then what differs, the numbers, and the data."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.audit.diff.comparison import Comparison, count_commits, list_environments
from alignment_dagster.audit.diff.declarations import ABSENT, format_path
from alignment_dagster.audit.diff.differences import Difference, format_places
from alignment_dagster.audit.diff.incomparable import (
    Incomparable,
    incomparable_table,
    list_incomparable,
)
from alignment_dagster.audit.diff.side import Side, format_key
from alignment_dagster.audit.diff.tables import document_blocks, item_nodes, number_tables
from alignment_dagster.audit.diff.verdict import find_sole_cause, list_warnings, write_sentences

COMMIT_CHARACTERS = 9


def comparison_as_answer(comparison: Comparison) -> Answer:
    """The comparison for the terminal, as JSON, and as a page."""
    before, after = comparison.before, comparison.after
    title = f"{before.report.label} → {after.report.label}"
    if comparison.studies:
        title = f"{before.title} → {after.title} ({title})"
    if comparison.recipes:
        title = f"{before.title} → {after.title}, in {before.report.label}"
    found = list_incomparable(comparison) if comparison.studies else None
    return Answer(
        title,
        write_sentences(comparison),
        [] if comparison.is_empty else list(_blocks(comparison, found)),
        _as_json(comparison, found),
        warnings=list_warnings(comparison),
    )


def _blocks(comparison: Comparison, found: Sequence[Incomparable] | None) -> Iterator[Node | Table]:
    yield _difference_node(comparison)
    if found is not None:
        yield incomparable_table(found)
    yield _code_node(comparison)
    if comparison.items:
        yield item_nodes(comparison.items)
    yield from number_tables(comparison.numbers)
    yield from document_blocks(comparison.documents, both=comparison.recipes)


def _difference_node(comparison: Comparison) -> Node:
    causes = comparison.causes
    children = [
        Node(
            said,
            f"{len(some):,}",
            [Node(one.sentence, f"{one.kind}, in {format_places(one.where)}") for one in some],
            "strong",
        )
        for said, some in (
            ("can have moved the numbers", causes.reaching),
            ("cannot have moved them", causes.others),
        )
        if some
    ]
    follows = f"{causes.changed:,} of {causes.pairs:,} artifacts that both have differ in bytes"
    sides = (comparison.before, comparison.after)
    one_sided = [
        Node(f"only {side.title} has", format_places(keys))
        for keys, side in zip(comparison.one_sided, sides, strict=True)
        if keys
    ]
    children.append(Node("what follows", follows, one_sided, "dim"))
    return Node("what differs", "", children, "strong")


def _code_node(comparison: Comparison) -> Node:
    sides = (comparison.before, comparison.after)
    made = [
        Node(f"{side.title}: {'dirty ' if dirty else ''}commit {commit[:COMMIT_CHARACTERS]}",
             f"{count:,} artifacts")
        for side in sides
        for (commit, dirty), count in count_commits(side).most_common()
    ]  # fmt: skip
    different = {key[0] for one in comparison.causes.differences if one.kind == "code"
                 for key in one.where}  # fmt: skip
    assets = {key[0] for key in comparison.before.nearest} & {
        key[0] for key in comparison.after.nearest
    }
    same = len(assets - different)
    said = f"the code digests of {same} of {len(assets)} assets are the same"
    versions = [list_environments(side) for side in sides]
    if versions[0] == versions[1]:
        said += ", and so are Python, machine and packages"
    return Node("code and environment", said, made)


def _as_json(comparison: Comparison, found: Sequence[Incomparable] | None) -> dict[str, Any]:
    causes, measured = comparison.causes, comparison.numbers
    sides = {"before": comparison.before, "after": comparison.after}
    return {
        **{at: side.report.label for at, side in sides.items()},
        "recipes": [side.recipe for side in sides.values()] if comparison.recipes else None,
        "nothing_differs": comparison.is_empty,
        "attributable_to": find_sole_cause(comparison),
        "differences": [difference_as_json(one) for one in causes.differences],
        "artifacts": {
            "compared": causes.pairs,
            "changed": causes.changed,
            "measurements": causes.measurements,
            "measurements_changed": causes.moved,
            **{f"only_{at}": [format_key(key) for key in keys]
               for at, keys in zip(sides, comparison.one_sided, strict=True)},
        },
        "commits": {at: _commit_rows(side) for at, side in sides.items()},
        "environment": {at: list_environments(side) for at, side in sides.items()},
        "seeds": dict(zip(sides, map(list, comparison.seeds), strict=True)),
        "items": [asdict(one) for one in comparison.items],
        "numbers": [{"name": one.name, **asdict(one)} for one in measured.changes],
        "studies": [side.title for side in sides.values()] if comparison.studies else None,
        "not_comparable": None if found is None else [asdict(one) for one in found],
        "identical_numbers": len(measured.same),
        "left_out": [asdict(one) for one in measured.left_out],
        "documents": asdict(comparison.documents),
    }  # fmt: skip


def difference_as_json(one: Difference) -> dict[str, Any]:
    """One difference as JSON has it."""
    values = (None if value is ABSENT else value for value in (one.before, one.after))
    return {
        "kind": one.kind,
        "title": one.title,
        "path": format_path(one.path),
        **dict(zip(("before", "after"), values, strict=True)),
        "artifacts": [format_key(key) for key in one.where],
        "can_have_moved_numbers": one.reaches,
    }


def _commit_rows(side: Side) -> Sequence[dict[str, Any]]:
    return [
        {"commit": commit, "dirty": dirty, "artifacts": count}
        for (commit, dirty), count in count_commits(side).most_common()
    ]
