"""The artifacts of two sides in pairs, found by walking from the roots of both at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from alignment_dagster.audit.diff.side import Key, Side
from alignment_dagster.lineage.ancestry import ancestry, parents_of
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Parent


@dataclass(frozen=True)
class Edge:
    """The same input of an artifact on both sides: what it came from."""

    before: Artifact | None
    after: Artifact | None
    differs: bool
    """Whether the bytes that were read do."""


@dataclass(frozen=True)
class Pair:
    """The artifact of one asset and partition on both sides, with what each was made from."""

    key: Key
    before: Artifact
    after: Artifact
    edges: tuple[Edge, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether their bytes do."""
        return self.before.digest != self.after.digest

    @property
    def labels(self) -> tuple[str, str]:
        return self.before.label, self.after.label


Pairs = Mapping[tuple[str, str], Pair]
"""The labels of both artifacts → the pair."""


def pair_artifacts(before: Side, after: Side) -> Pairs:
    """Every pair that is reached from the roots of both sides at once.

    What only one side has is in no pair. Behind the same artifact there is nothing to compare.
    """
    roots = [{side.key(root): root for root in side.roots} for side in (before, after)]
    starts = [Pair(key, root, roots[1][key]) for key, root in roots[0].items() if key in roots[1]]
    found = {pair.labels: pair for pair in starts}

    def inputs(labels: tuple[str, str]) -> Iterator[tuple[str, str]]:
        pair = found[labels]
        if pair.before.label == pair.after.label:
            return
        found[labels] = replace(pair, edges=_edges(pair, before, after))
        for edge in found[labels].edges:
            if edge.before and edge.after:
                below = Pair(before.key(edge.before), edge.before, edge.after)
                yield found.setdefault(below.labels, below).labels

    ancestry(list(found), inputs)
    return found


def changed_inputs(pair: Pair, found: Pairs) -> list[Pair]:
    """The pairs of the inputs of which the bytes differ."""
    return [
        found[edge.before.label, edge.after.label]
        for edge in pair.edges
        if edge.before and edge.after and edge.differs
    ]


def _edges(pair: Pair, before: Side, after: Side) -> tuple[Edge, ...]:
    old, new = (
        {
            (side.key(parent), side.part(parent)): parent
            for parent in parents_of(artifact, compared=False)
        }
        for side, artifact in ((before, pair.before), (after, pair.after))
    )
    return tuple(
        _edge(old.get(at), new.get(at), before, after) for at in dict.fromkeys([*old, *new])
    )


def _edge(old: Parent | None, new: Parent | None, before: Side, after: Side) -> Edge:
    return Edge(
        before.source(old) if old else None,
        after.source(new) if new else None,
        not (old and new and old.digest == new.digest),
    )
