"""The blast radius of withdrawing data: what read it, what rests on it, what must be made again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alignment_dagster.audit.answer import Node
from alignment_dagster.audit.impact import trained, untrained_uses
from alignment_dagster.audit.impact.affected import Affected, affected_metrics, touched
from alignment_dagster.audit.impact.plan import Rebuild, Removed, plan
from alignment_dagster.audit.impact.raw_rows import Raw, raw
from alignment_dagster.audit.impact.trained import InMix, InTraining
from alignment_dagster.audit.impact.untrained_uses import InLosses, InTokenizer
from alignment_dagster.audit.impact.withdrawn import Withdrawn, resolve
from alignment_dagster.audit.metrics import metrics
from alignment_dagster.audit.open_report import Opened
from alignment_dagster.audit.review_nodes import review_nodes
from alignment_dagster.audit.trace.chain import parent
from alignment_dagster.audit.trace.parquet import parquet
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Artifact

CHECKPOINTS = ("pretrained_checkpoint", "post_trained_checkpoint", "tampering")
"""Assets that hold weights."""


@dataclass(frozen=True)
class Impact:
    """What withdrawing documents would touch, in the whole lake and in one report."""

    study: str
    report: Artifact
    closure: Sequence[Artifact]
    corpus: Sequence[Artifact]
    """The raw corpora as the report has them; older ones may lie behind parts of it."""
    withdrawn: Withdrawn
    raw: Raw
    corpora: list[tuple[Artifact, int]]
    """Raw corpora that hold any of them, and how many."""
    mixes: list[InMix]
    training: list[InTraining]
    """Pretraining first, then fine-tuning and tampering."""
    losses: list[InLosses]
    tokenizers: list[InTokenizer]
    metrics: list[Affected]
    inheriting: list[Artifact]
    """Checkpoints that went on from one that read any of them."""
    reports: list[Artifact]
    """Every report that rests on an affected artifact."""
    reviews: dict[str, list[Node]]
    """Report → the decisions about it."""
    plan: list[Rebuild]
    unsearched: int
    """Artifacts that were collected as garbage: what they held can no longer be told."""

    @cached_property
    def behind(self) -> frozenset[str]:
        """What lies behind the report; everything else is history."""
        return frozenset(one.label for one in self.closure)

    @cached_property
    def counts(self) -> Counter[str]:
        """How a metric is affected → how many are."""
        return Counter(one.how for one in self.metrics)

    @property
    def seconds(self) -> float:
        """How long everything in the plan took last time."""
        return sum(one.seconds for one in self.plan)


def impact(
    archive: Archive, opened: Opened, withdrawn: Sequence[str], listed: Path | None = None
) -> Impact:
    """Find everything that withdrawing data would touch.

    Args:
        withdrawn: ids of documents (at least eight characters), or `source:NAME`.
        listed: a file with one id in each line.

    Raises:
        ArtifactError: if something named is unknown or ambiguous, or an artifact is missing.
    """
    with parquet() as connection:
        gone = resolve(connection, archive, withdrawn, listed)
        documents = parent(archive, opened.report, "documents")
        corpus = [one for one in archive.parents(documents) if one.asset == "raw_corpus"]
        untrained_uses.hold_known(connection, archive, documents)
        mixes, pretraining = trained.pretraining(connection, archive)
        training = [*pretraining, *trained.fine_tuning(connection, archive)]
        losses = untrained_uses.losses(connection, archive)
        tokenizers = untrained_uses.tokenizers(connection, archive)
        found = raw(connection, corpus, documents, _dispositions(opened), gone.documents)
        corpora = untrained_uses.holding(connection, archive)
    touching = touched(training, losses, tokenizers)
    roots = [
        *(one.mix for one in mixes),
        *(one.checkpoint for one in training),
        *(one.measured for one in losses),
        *(one.tokenizer for one in tokenizers),
    ]
    reports = [one for one in archive.descendants(roots) if one.asset == REPORT]
    return Impact(
        study=archive.study,
        report=opened.report,
        closure=opened.closure,
        corpus=corpus,
        withdrawn=gone,
        raw=found,
        corpora=corpora,
        mixes=mixes,
        training=training,
        losses=losses,
        tokenizers=tokenizers,
        metrics=affected_metrics(archive, metrics(opened), touching),
        inheriting=_inheriting(archive, training),
        reports=reports,
        reviews={one.label: review_nodes(archive, one) for one in reports},
        plan=plan(opened.closure, _removed(opened, corpus, gone, found, tokenizers)),
        unsearched=len(archive.keys) - len(archive.kept()),
    )


def _dispositions(opened: Opened) -> list[Path]:
    """The files that something behind the report was made with."""
    files = {
        opened.archive.parent(read).path / read.part
        for artifact in opened.closure
        for read in artifact.provenance.inputs.parents
        if read.asset == "dispositions" and read.part
    }
    return sorted(files)


def _inheriting(archive: Archive, training: Sequence[InTraining]) -> list[Artifact]:
    read = {one.checkpoint.label: one.checkpoint for one in training}
    return [
        one
        for one in archive.descendants(read.values())
        if one.asset in CHECKPOINTS and one.label not in read
    ]


def _removed(
    opened: Opened,
    corpus: Sequence[Artifact],
    gone: Withdrawn,
    found: Raw,
    tokenizers: Sequence[InTokenizer],
) -> Removed:
    sources = frozenset(row["source"] for row in found.files)
    behind = {one.label for one in opened.closure}
    return Removed(
        sources=sources,
        whole=sources & set(gone.sources),
        roles=frozenset(
            one.provenance.declared["role"] for one in corpus if one.partition in sources
        ),
        held_out=found.held_out > 0,
        tokenizer=any(one.tokenizer.label in behind for one in tokenizers),
        recipes=frozenset(
            row["recipe"]
            for row in found.decided
            if row["use"] == "pretraining" and row["state"] == "kept"
        ),
    )
