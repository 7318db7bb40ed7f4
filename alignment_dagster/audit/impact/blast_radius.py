"""The blast radius of withdrawing data: what read it, what rests on it, what must be made again."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alignment_dagster import chain
from alignment_dagster.audit.answer import Node
from alignment_dagster.audit.impact import trained, untrained_uses
from alignment_dagster.audit.impact.affected import (
    AffectedMetric,
    find_affected_metrics,
    index_uses,
)
from alignment_dagster.audit.impact.plan import Rebuild, Removal, plan_rebuilds
from alignment_dagster.audit.impact.raw_rows import WithdrawnRows, find_withdrawn_rows
from alignment_dagster.audit.impact.trained import MixUse, TrainingUse
from alignment_dagster.audit.impact.untrained_uses import ClassifierUse, LossUse, TokenizerUse
from alignment_dagster.audit.impact.withdrawn import Withdrawal, resolve_withdrawal
from alignment_dagster.audit.metrics import list_metrics
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.review_nodes import review_nodes
from alignment_dagster.audit.trace.chain import TRUNK, find_parent
from alignment_dagster.audit.trace.parquet import Row, connect_memory
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.study.classifiers import SCORER
from alignment_dagster.study.recipes import DropRule
from alignment_dagster.study.treatments import Treatment

CHECKPOINTS = (chain.TRUNK_CHECKPOINT, *chain.MODELS, chain.TAMPERING)
"""Assets that hold weights."""


@dataclass(frozen=True)
class Impact:
    """What withdrawing documents would touch, in the whole lake and in one report."""

    study: str
    report: Artifact
    ancestors: Sequence[Artifact]
    corpus: Sequence[Artifact]
    """The raw corpora as the report has them; older ones may lie behind parts of it."""
    withdrawn: Withdrawal
    raw: WithdrawnRows
    corpora: list[tuple[Artifact, int]]
    """Raw corpora that hold any of them, and how many."""
    mixes: list[MixUse]
    guests: list[Row]
    """Documents that would stay, and stand in withdrawn ones."""
    training: list[TrainingUse]
    """Pretraining first, then fine-tuning and tampering."""
    losses: list[LossUse]
    tokenizers: list[TokenizerUse]
    classifiers: list[ClassifierUse]
    metrics: list[AffectedMetric]
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
        return frozenset(one.label for one in self.ancestors)

    @cached_property
    def whole(self) -> Mapping[str, str]:
        """The sources that go entirely: named, or rewriting one that is, which is then the value.

        There is nothing left to rewrite.
        """
        return find_whole(self.corpus, self.withdrawn)

    @cached_property
    def counts(self) -> Counter[str]:
        """How a metric is affected → how many are."""
        return Counter(one.how for one in self.metrics)

    @property
    def seconds(self) -> float:
        """How long everything in the plan took last time."""
        return sum(one.seconds for one in self.plan)


def find_impact(
    archive: Archive, opened: OpenedReport, withdrawn: Sequence[str], listed: Path | None = None
) -> Impact:
    """Find everything that withdrawing data would touch.

    Args:
        withdrawn: ids of documents (at least eight characters), `source:NAME`, or what wrote
            documents: `prompt:NAME` (a form's, or eight or more digits of a prompt's or template's
            digest), `model:NAME`, `generator:KIND`.
        listed: a file with one id in each line.

    Raises:
        ArtifactError: if something named is unknown or ambiguous, or an artifact is missing.
    """
    with connect_memory() as connection:
        gone = resolve_withdrawal(connection, archive, withdrawn, listed)
        documents = find_parent(archive, opened.report, chain.DOCUMENTS)
        corpus = [one for one in archive.parents(documents) if one.asset == chain.RAW_CORPUS]
        untrained_uses.load_known(connection, archive, documents)
        mixes, pretraining = trained.find_pretraining_uses(connection, archive)
        guests = trained.find_guests(connection, archive.with_files())
        training = [*pretraining, *trained.find_fine_tuning_uses(connection, archive)]
        losses = untrained_uses.find_loss_uses(connection, archive)
        tokenizers = untrained_uses.find_tokenizer_uses(connection, archive)
        classifiers = untrained_uses.find_classifier_uses(connection, archive)
        found = find_withdrawn_rows(
            connection,
            corpus,
            documents,
            _list_disposition_files(opened),
            [*gone.documents, *gone.rewritten],
        )
        corpora = untrained_uses.find_raw_corpora(connection, archive)
    behind = {one.label for one in opened.ancestors}
    learnt = any(one.classifier.label in behind for one in classifiers)
    chosen = {*_find_classified(opened), *find_treated(opened.ancestors)} if learnt else ()
    rewarded = find_rewarded(opened.ancestors, classifiers)
    touching = index_uses(training, losses, tokenizers, frozenset(chosen), rewarded)
    roots = [
        *(one.mix for one in mixes),
        *(one.checkpoint for one in training),
        *(one.measurement for one in losses),
        *(one.tokenizer for one in tokenizers),
        *(one.classifier for one in classifiers),
    ]
    reports = [one for one in archive.descendants(roots) if one.asset == REPORT]
    return Impact(
        study=archive.study,
        report=opened.report,
        ancestors=opened.ancestors,
        corpus=corpus,
        withdrawn=gone,
        raw=found,
        corpora=corpora,
        mixes=mixes,
        guests=guests,
        training=training,
        losses=losses,
        tokenizers=tokenizers,
        classifiers=classifiers,
        metrics=find_affected_metrics(archive, list_metrics(opened), touching),
        inheriting=_find_inheriting(archive, training),
        reports=reports,
        reviews={one.label: review_nodes(archive, one) for one in reports},
        plan=plan_rebuilds(
            opened.ancestors, _describe_removal(opened, corpus, gone, found, tokenizers)
        ),
        unsearched=len(archive.keys) - len(archive.with_files()),
    )


def _list_disposition_files(opened: OpenedReport) -> list[Path]:
    """The files that something behind the report was made with."""
    files = {
        opened.archive.parent(read).path / read.part
        for artifact in opened.ancestors
        for read in artifact.provenance.inputs.parents
        if read.asset == chain.DISPOSITIONS and read.part
    }
    return sorted(files)


def _find_inheriting(archive: Archive, training: Sequence[TrainingUse]) -> list[Artifact]:
    """Whoever left a trunk before it read any of them did not."""
    read = {one.checkpoint.label: one.checkpoint for one in training}
    roots = [one.checkpoint for one in training if one.stage != TRUNK]
    for one in (use for use in training if use.stage == TRUNK):
        for child in archive.children(one.checkpoint):
            trunk = child.provenance.declared.get("trunk")
            if trunk is not None and trunk["steps"] >= one.first_step:
                roots.append(child)
    return [
        one
        for one in archive.descendants(roots)
        if one.asset in CHECKPOINTS and one.label not in read
    ]


def _find_classified(opened: OpenedReport) -> Iterator[str]:
    """The recipes with a rule of their own, or of the study, on a classifier's score."""
    for artifact in opened.ancestors:
        if artifact.asset == chain.DISPOSITIONS:
            declared = artifact.provenance.declared
            for recipe in declared.get("recipes", ()):
                rules = [
                    DropRule.model_validate(one) for one in (*declared["drop"], *recipe["drop"])
                ]
                compared = (one for rule in rules for one in rule.comparisons())
                if any(one.scorer.startswith(SCORER) for one in compared):
                    yield recipe["name"]


def find_treated(ancestors: Sequence[Artifact]) -> frozenset[str]:
    """The recipes whose tokens are treated or weighed by a classifier's score."""
    found = set()
    for artifact in ancestors:
        if artifact.asset == chain.CURATED_MIX:
            declared = artifact.provenance.declared
            treatments = map(Treatment.model_validate, declared.get("treat", ()))
            scorers = [scorer for one in treatments for scorer, _ in one.columns]
            scorers += [declared["reward"]["scorer"]] if declared.get("reward") else []
            if any(scorer.startswith(SCORER) for scorer in scorers):
                found.add(artifact.partition or "")
    return frozenset(found)


def find_rewarded(ancestors: Sequence[Artifact], learnt: Sequence[ClassifierUse]) -> frozenset[str]:
    """The checkpoints whose reward was asked of a classifier that learnt from any of them."""
    touched = {one.classifier.label for one in learnt}
    return frozenset(
        artifact.label
        for artifact in ancestors
        if artifact.asset == chain.POST_TRAINED_CHECKPOINT
        for parent in artifact.provenance.inputs.parents
        if label(parent.asset, parent.partition, parent.version) in touched
    )


def find_whole(corpus: Sequence[Artifact], gone: Withdrawal) -> dict[str, str]:
    """Of the current sources those that go entirely → the one that they rewrite, or nothing."""
    found = dict.fromkeys(gone.sources, "")
    for one in corpus:
        rewrites = one.provenance.declared.get("reader", {}).get("rewrites") or ""
        if rewrites in gone.sources:
            found.setdefault(one.partition or "", rewrites)
    return found


def _describe_removal(
    opened: OpenedReport,
    corpus: Sequence[Artifact],
    gone: Withdrawal,
    found: WithdrawnRows,
    tokenizers: Sequence[TokenizerUse],
) -> Removal:
    sources = frozenset(row["source"] for row in found.files)
    behind = {one.label for one in opened.ancestors}
    return Removal(
        sources=sources,
        whole=sources & find_whole(corpus, gone).keys(),
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
        post_trained=frozenset(
            row["recipe"] for row in found.decided if row["use"] in ("sft", "dpo")
        ),
        classified=frozenset(_find_classified(opened)),
        treated=find_treated(opened.ancestors),
    )
