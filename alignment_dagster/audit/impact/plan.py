"""What has to be made again when rows are removed: which artifacts, in which order, how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignment_dagster import chain
from alignment_dagster.chain import BY_SOURCE
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact

FILES = {
    "corpus": file_names.PRETRAINING_PART,
    "chat": file_names.POST_TRAINING_PART,
    "preferences": file_names.POST_TRAINING_PART,
    "tampering": file_names.TAMPERING_PART,
}
"""Role of a source → the file of a recipe's dispositions that speaks of its documents."""


@dataclass(frozen=True)
class Removal:
    """What removing the rows changes, as far as it decides what follows."""

    sources: frozenset[str]
    """The sources that lose rows."""
    whole: frozenset[str]
    """Those of them that go entirely."""
    roles: frozenset[str]
    """Their roles."""
    held_out: bool
    """Whether a held-out document goes."""
    tokenizer: bool
    """Whether a document that the vocabulary was trained on goes."""
    recipes: frozenset[str]
    """The recipes that keep any of the documents for pretraining."""
    post_trained: frozenset[str]
    """The recipes whose post-training could read any of them."""
    classified: frozenset[str]
    """The recipes that decide by a classifier."""
    treated: frozenset[str]
    """The recipes that treat or weigh tokens by a classifier."""


@dataclass(frozen=True)
class Rebuild:
    """An artifact that a run would make again."""

    asset: str
    partition: str | None
    seconds: float
    """How long it took last time."""
    same: bool
    """It gives the same bytes again, so what is made from it alone need not run."""


def plan_rebuilds(ancestors: Sequence[Artifact], removed: Removal) -> list[Rebuild]:
    """What `alignment run` would make, in order, after the rows are removed.

    As a run decides it: an artifact is made again where the content of an input changed; what
    comes out the same as before changes nothing further.
    """
    runs: dict[tuple[str, str | None], Rebuild] = {}
    for artifact in ancestors:
        if _is_rebuilt(artifact, removed, runs):
            key = (artifact.asset, artifact.partition)
            seconds = artifact.provenance.seconds
            runs[key] = Rebuild(*key, seconds, not _has_other_content(*key, None, removed, runs))
    return [
        one
        for one in runs.values()
        if not (one.asset in BY_SOURCE and one.partition in removed.whole)
    ]


Rebuilds = Mapping[tuple[str, str | None], Rebuild]


def _is_rebuilt(artifact: Artifact, removed: Removal, runs: Rebuilds) -> bool:
    if artifact.asset == chain.RAW_CORPUS:
        return artifact.partition in removed.sources
    return any(
        (parent.asset, parent.partition) in runs
        and _has_other_content(parent.asset, parent.partition, parent.part, removed, runs)
        for parent in artifact.provenance.inputs.parents
    )


def _has_other_content(
    asset: str, partition: str | None, part: str | None, removed: Removal, runs: Rebuilds
) -> bool:
    """Whether an artifact that is made again comes out different."""
    if asset == chain.TOKENIZER:
        return removed.tokenizer
    learnt = any(name == chain.CLASSIFIER for name, _ in runs)
    if asset == chain.DISPOSITIONS and part and learnt and part.split("/")[0] in removed.classified:
        return True
    by_classifier = removed.classified | removed.treated
    if asset == chain.CURATED_MIX and learnt and partition in by_classifier:
        return True
    if asset == chain.CURATED_MIX:
        again = runs.get((chain.TOKENIZER, None))
        return partition in removed.recipes or bool(again and not again.same)
    if asset == chain.DOCUMENTS and part == file_names.HELD_OUT:
        return removed.held_out
    if asset == chain.DISPOSITIONS and part:
        recipe, _, name = part.rpartition("/")
        if name == file_names.POST_TRAINING_PART and recipe not in removed.post_trained:
            return False
        return name in {FILES[role] for role in removed.roles}
    return True
