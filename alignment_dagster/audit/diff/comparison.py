"""A whole comparison: what differs of itself, what it did to the data, and to every number."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from alignment_dagster.audit.diff.artifact_pairs import pair_artifacts
from alignment_dagster.audit.diff.causes import Causes, find_causes
from alignment_dagster.audit.diff.documents import DocumentChanges, find_document_changes
from alignment_dagster.audit.diff.items import ItemChange, find_item_changes
from alignment_dagster.audit.diff.ledgers import connect_sides
from alignment_dagster.audit.diff.numbers import NumberChanges, compare_numbers
from alignment_dagster.audit.diff.side import Key, Side
from alignment_dagster.lineage.archive import REPORT

Commit = tuple[str, bool]
"""A commit, and whether files differed from it."""


@dataclass(frozen=True)
class Comparison:
    """Both sides, and everything that is not the same."""

    before: Side
    after: Side
    causes: Causes
    documents: DocumentChanges
    items: tuple[ItemChange, ...]
    numbers: NumberChanges

    @property
    def recipes(self) -> bool:
        """Whether two recipes are compared, not two reports."""
        return self.before.recipe is not None

    @property
    def studies(self) -> bool:
        """Whether the sides are reports of two studies."""
        return self.before.archive.study != self.after.archive.study

    @cached_property
    def one_sided(self) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
        """Assets and partitions that only one side has."""
        old, new = self.before.nearest, self.after.nearest
        return tuple(key for key in old if key not in new), tuple(
            key for key in new if key not in old
        )

    @property
    def seeds(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The seeds that any recipe of a side was measured with."""
        old, new = (
            tuple(sorted({seed for seeds in side.seeds.values() for seed in seeds}))
            for side in (self.before, self.after)
        )
        return old, new

    @property
    def is_backwards(self) -> bool:
        """Whether the first report became current after the second."""
        if self.studies:
            return False
        order = [entry.version for entry in self.before.archive.journal if entry.asset == REPORT]
        at = [order.index(side.report.version) for side in (self.before, self.after)]
        return at[0] > at[1]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not self.causes.differences and not self.causes.changed and not any(self.one_sided)

    @property
    def ambiguous(self) -> tuple[str, ...]:
        """Of what more than one content lies behind a side, and behind which."""
        return tuple(
            f"{side.title} rests on more than one content of {one}"
            for side in (self.before, self.after)
            for one in side.ambiguous
        )


def compare_sides(before: Side, after: Side) -> Comparison:
    """Walk both graphs, join both sides' ledgers, and pair every number.

    Raises:
        ArtifactError: if an artifact behind a side is not in the lake, or cannot be read.
    """
    with connect_sides(before, after) as connection:
        return Comparison(
            before=before,
            after=after,
            causes=find_causes(pair_artifacts(before, after), before, after),
            documents=find_document_changes(connection, before, after),
            items=() if before.report.label == after.report.label
            else tuple(find_item_changes(connection)),
            numbers=compare_numbers(before, after),
        )  # fmt: skip


def count_commits(side: Side) -> Counter[Commit]:
    """From which commits the artifacts of a side were made, most of them first."""
    made = [artifact.provenance.git for artifact in side.ancestors]
    return Counter((git.get("commit", "unknown"), git.get("dirty") == "true") for git in made)


def list_environments(side: Side) -> dict[str, list[str]]:
    """Python, machine and packages → the versions that artifacts of a side were made with."""
    found: dict[str, dict[str, None]] = {}
    for artifact in side.ancestors:
        for name, version in artifact.provenance.environment.items():
            found.setdefault(name, {})[version] = None
    return {name: list(versions) for name, versions in found.items()}
