"""A comparison as an answer: sentences, then what differs, the numbers, and the data."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.audit.diff.comparison import Comparison, commits, environments
from alignment_dagster.audit.diff.declarations import ABSENT, written
from alignment_dagster.audit.diff.differences import Difference, places
from alignment_dagster.audit.diff.side import Side, name
from alignment_dagster.audit.diff.tables import document_blocks, item_nodes, number_tables
from alignment_dagster.audit.diff.verdict import attributable, sentences, warnings

COMMIT = 9


def answer(found: Comparison) -> Answer:
    """The comparison for the terminal, as JSON, and as a page."""
    before, after = found.before, found.after
    title = f"{before.report.label} → {after.report.label}"
    if found.recipes:
        title = f"{before.title} → {after.title}, in {before.report.label}"
    return Answer(
        title, sentences(found), [] if found.nothing else list(_blocks(found)), _data(found),
        warnings=warnings(found),
    )  # fmt: skip


def _blocks(found: Comparison) -> Iterator[Node | Table]:
    yield _differences(found)
    yield _code(found)
    if found.items:
        yield item_nodes(found.items)
    yield from number_tables(found.measured)
    yield from document_blocks(found.documents, both=found.recipes)


def _differences(found: Comparison) -> Node:
    causes = found.causes
    children = [
        Node(
            said,
            f"{len(some):,}",
            [Node(one.sentence, f"{one.kind}, in {places(one.where)}") for one in some],
            "strong",
        )
        for said, some in (
            ("can have moved the numbers", causes.reaching),
            ("cannot have moved them", causes.others),
        )
        if some
    ]
    follows = f"{causes.changed:,} of {causes.pairs:,} artifacts that both have differ in bytes"
    children.append(Node("what follows", follows, list(_alone(found)), "dim"))
    return Node("what differs", "", children, "strong")


def _alone(found: Comparison) -> Iterator[Node]:
    for keys, side in zip(found.alone, (found.before, found.after), strict=True):
        if keys:
            yield Node(f"only {side.title} has", places(keys))


def _code(found: Comparison) -> Node:
    sides = (found.before, found.after)
    made = [
        Node(f"{side.title}: {'dirty ' if dirty else ''}commit {commit[:COMMIT]}",
             f"{count:,} artifacts")
        for side in sides
        for (commit, dirty), count in commits(side).most_common()
    ]  # fmt: skip
    different = {key[0] for one in found.causes.differences if one.kind == "code"
                 for key in one.where}  # fmt: skip
    assets = {key[0] for key in found.before.nearest} & {key[0] for key in found.after.nearest}
    same = len(assets - different)
    said = f"the code digests of {same} of {len(assets)} assets are the same"
    versions = [environments(side) for side in sides]
    if versions[0] == versions[1]:
        said += ", and so are Python, machine and packages"
    return Node("code and environment", said, made)


def _data(found: Comparison) -> dict[str, Any]:
    causes, measured = found.causes, found.measured
    sides = {"before": found.before, "after": found.after}
    return {
        **{at: side.report.label for at, side in sides.items()},
        "recipes": [side.recipe for side in sides.values()] if found.recipes else None,
        "nothing_differs": found.nothing,
        "attributable_to": attributable(found),
        "differences": [difference_data(one) for one in causes.differences],
        "artifacts": {
            "compared": causes.pairs,
            "changed": causes.changed,
            "measurements": causes.measurements,
            "measurements_changed": causes.moved,
            **{f"only_{at}": [name(key) for key in keys]
               for at, keys in zip(sides, found.alone, strict=True)},
        },
        "commits": {at: _commits(side) for at, side in sides.items()},
        "environment": {at: environments(side) for at, side in sides.items()},
        "seeds": dict(zip(sides, map(list, found.seeds), strict=True)),
        "items": [asdict(one) for one in found.items],
        "numbers": [{"name": one.name, **asdict(one)} for one in measured.changes],
        "identical_numbers": measured.identical,
        "left_out": [asdict(one) for one in measured.left_out],
        "documents": asdict(found.documents),
    }  # fmt: skip


def difference_data(one: Difference) -> dict[str, Any]:
    """One difference as JSON has it."""
    values = (None if value is ABSENT else value for value in (one.before, one.after))
    return {
        "kind": one.kind,
        "title": one.title,
        "path": written(one.path),
        **dict(zip(("before", "after"), values, strict=True)),
        "artifacts": [name(key) for key in one.where],
        "can_have_moved_numbers": one.reaches,
    }


def _commits(side: Side) -> Sequence[dict[str, Any]]:
    return [
        {"commit": commit, "dirty": dirty, "artifacts": count}
        for (commit, dirty), count in commits(side).most_common()
    ]
