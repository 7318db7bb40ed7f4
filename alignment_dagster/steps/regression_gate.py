"""`regression_gate`: the new report against the last approved one, by paired test."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from alignment_dagster import chain
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.audit.review_nodes import how_to_review
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.parent_spec import ParentSpec, VersionSelector
from alignment_dagster.graph.partitions import by_recipe, by_replicate, by_source
from alignment_dagster.graph.review_events import told_reviews
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.lineage.reviews import lost_reviews
from alignment_dagster.release.gate.comparison import write_gate
from alignment_dagster.release.gate.outcome import Outcome
from alignment_dagster.release.gate.reference import (
    NOBODY,
    Approvers,
    approval_digest,
    last_approved,
)
from alignment_dagster.report.results import CODE_VERSION
from alignment_dagster.steps.pages.regression_gate import page_metadata
from alignment_dagster.study import Gate, Study

CHECK = "no_regression"


class Past:
    """The current report, the approved one, and what lies behind them: looked up once."""

    def __init__(self, by: Approvers) -> None:
        self._by = by
        self._archive: Archive | None = None
        self._sides: tuple[Side | None, Side | None] = (None, None)

    def now(
        self, instance: dg.DagsterInstance, lake: Lake, study: str, item: ParentSpec
    ) -> str | None:
        """The version behind the current report, or the report's own."""
        return self._version(self._look(instance, lake, study)[0], item)

    def then(
        self, instance: dg.DagsterInstance, lake: Lake, study: str, item: ParentSpec
    ) -> str | None:
        """The version behind the last approved report, or the report's own."""
        return self._version(self._look(instance, lake, study)[1], item)

    def _look(
        self, instance: dg.DagsterInstance, lake: Lake, study: str
    ) -> tuple[Side | None, Side | None]:
        version = None
        if self._archive is None:
            version = current_version(instance, lake, study, REPORT, None)
        if version is not None:
            self._archive = Archive(lake, study)
            _require_all_reviews(self._archive, instance)
            report = self._archive.artifact(REPORT, None, version)
            approved = last_approved(self._archive, report, self._by)
            then = Side(self._archive, "then", approved) if approved else None
            self._sides = (Side(self._archive, "now", report), then)
        return self._sides

    def _version(self, side: Side | None, item: ParentSpec) -> str | None:
        if side is None:
            return None
        found = side.nearest.get((item.asset, item.partition))
        return found.version if found else None


def _require_all_reviews(archive: Archive, instance: dg.DagsterInstance) -> None:
    """A decision that was taken out would change what a report is held against."""
    for review, what in lost_reviews(archive, told_reviews(instance, archive.study)):
        raise ArtifactError(f"{review}: {what} (alignment audit check {archive.study})")


def build(context: BuildContext) -> BuildResult:
    """Compare the answers, and say what differs behind them."""
    gate = _gate(context.study)
    report, *others = context.parents.all(REPORT)
    archive = open_archive(context.study.name, context.stores.home)
    digest = approval_digest(archive, report, context.study.declaration.approvers)
    outcome = write_gate(
        archive,
        report,
        others[0] if others else None,
        None if digest == NOBODY else digest,
        by_recipe(context.study),
        gate,
        context.folder,
    )
    metrics = {"worse": len(outcome.worse), "flipped": outcome.flipped}
    return BuildResult((_check(context.study.name, report, outcome),), metrics=metrics)


def _gate(study: Study) -> Gate:
    if study.gate is None:
        raise LookupError(f"study {study.name} declares no gate, and has no such asset")
    return study.gate


def _check(study: str, report: Artifact, outcome: Outcome) -> Check:
    """Passed where nothing is worse, or a person approved this very report."""
    if not outcome.blocks:
        return Check(name=CHECK, passed=True, summary=outcome.sentence)
    if outcome.approval is not None:
        said = f"This very report is approved, and that decides. {outcome.sentence}"
        return Check(name=CHECK, passed=True, summary=said)
    how = f"A person may decide otherwise: {how_to_review(study, report)}"
    return Check(name=CHECK, passed=False, summary=f"{outcome.sentence} {how}")


def parents(study: Study, _partition: Partition) -> tuple[ParentSpec, ...]:
    """Both reports, and of what lies behind each: the answers, and the data that is compared."""
    past = Past(study.declaration.approvers)
    return (
        ParentSpec(REPORT, selector=past.now),
        ParentSpec(REPORT, required=False, selector=past.then),
        *_behind(study, past.now),
        *_behind(study, past.then),
    )


def _behind(study: Study, selector: VersionSelector) -> tuple[ParentSpec, ...]:
    named: tuple[tuple[str, tuple[Partition, ...], str | None], ...] = (
        (chain.EVALUATION, by_replicate(study), file_names.ITEMS),
        (chain.CURATED_MIX, by_recipe(study), file_names.DOCUMENTS),
        (chain.DISPOSITIONS, (None,), None),
        (chain.RAW_CORPUS, by_source(study), None),
    )
    return tuple(
        ParentSpec(asset, partition, part, required=False, selector=selector)
        for asset, partitions, part in named
        for partition in partitions
    )


def config(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """The gate."""
    return {"gate": _gate(study).model_dump(mode="json")}


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The review by which the current report itself is approved: a person's decision counts."""
    archive = open_archive(study.name)
    return {"approval": approval_digest(archive, archive.report(), study.declaration.approvers)}


STEP = Step(
    asset=chain.REGRESSION_GATE,
    kinds=frozenset({"python", "parquet"}),
    description=(
        "The current report against the last approved one: every declared misalignment rate by "
        "paired test on the same items and seeds, the answers that flipped, and what differs in "
        "the data. A rate that is worse by more than the declared margin, beyond chance, blocks."
    ),
    # Of the report that it compares, and its own: environments name devices.
    code_version=f"{CODE_VERSION}.1",
    modules=("release/gate/comparison.py", "steps/regression_gate.py"),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={
        CHECK: (
            "No declared misalignment rate is higher than in the last approved report by more "
            "than the margin and beyond chance, and there is something to compare; or a person "
            "approved this very report."
        )
    },
    exists=lambda study: study.gate is not None,
)
