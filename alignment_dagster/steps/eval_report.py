"""`eval_report`: tables, plots and comparisons over recipes and seeds."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.audit.check import check_ancestors
from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.corpus.canaries import text_digests
from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.placement import read_placement
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.partitions import by_recipe, by_replicate, by_source
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.report.canary_outcomes import BASE
from alignment_dagster.report.findings import write_canaries, write_findings
from alignment_dagster.report.gather import gather
from alignment_dagster.report.gather.mart_check import find_mismatches
from alignment_dagster.report.html.page import write_report
from alignment_dagster.report.questions import write_questions
from alignment_dagster.report.results import CODE_VERSION, read_results
from alignment_dagster.report.rows import ClaimRow, ReportData
from alignment_dagster.report.terminal_table import rows_in_headlines
from alignment_dagster.report.verdicts import row_verdict
from alignment_dagster.steps import (
    attacks,
    evaluation,
    post_trained_checkpoint,
    pretrained_checkpoint,
    tampering,
    trunk_checkpoint,
)
from alignment_dagster.steps.pages.eval_report import page_metadata
from alignment_dagster.study import Study

CLOSED = "provenance_closed"
MEASURED = (
    pretrained_checkpoint.STEP,
    post_trained_checkpoint.STEP,
    evaluation.STEP,
    tampering.STEP,
    attacks.STEP,
)


def build(context: BuildContext) -> BuildResult:
    """Gather the artifacts, compute every interval, and write the page.

    Raises:
        ArtifactError: if what is recorded of the artifacts behind it does not fit together.
        DeclarationError: if the home's `placement.yaml`, which may name a price, is wrong.
    """
    closed = _closed(context)
    price = read_placement(context.stores.home).price
    data = gather(context.study, context.parents, price)
    write_report(data, context.folder)
    write_findings(data, context.folder)
    write_questions(context.study, context.folder)
    if data.canaries:
        write_canaries(data, context.folder)
    context.track_file(context.folder / file_names.REPORT)
    mart = pq.read_table(context.parents.one(chain.METRICS).path / file_names.METRICS)
    rows = read_results(context.folder / file_names.RESULTS)
    problems = find_mismatches(rows, mart, context.parents)
    check = Check(
        name="every_number_resolves_to_its_data",
        passed=not problems,
        summary=problems[0] if problems else f"{len(rows):,} numbers, each from named artifacts.",
    )
    headline = {
        f"{row.metric}/{row.suite}/{row.stage}/{row.recipe}": row.value
        for row in rows_in_headlines(rows)
    }
    metrics = {"numbers": len(rows), **headline, **_canary_metrics(data)}
    checks = (check, closed, *_claims(data), *_canaries(data))
    return BuildResult(checks, metrics=metrics)


def _closed(context: BuildContext) -> Check:
    """Everything up to the raw corpus, checked as `alignment audit check` does.

    A gap ends the run, and nothing is published: a report with a failed check would be found again
    by its inputs, and stay failed when the gap has been closed.
    """
    home = context.stores.home
    name = context.study.name
    roots = context.parents.distinct()
    report = check_ancestors(open_archive(name, home), home, roots, context.dagster.instance)
    if not report.closed:
        first, more = report.gaps[0], len(report.gaps) - 1
        others = f", and {more:,} more" if more else ""
        message = (
            f"{CLOSED}: {first.subject}: {first.message}{others} (alignment audit check {name})"
        )
        raise ArtifactError(message)
    counts = report.counts
    return Check(
        name=CLOSED,
        passed=True,
        summary=f"{counts['artifacts']:,} artifacts with {counts['files']:,} files, "
        f"{counts['events']:,} events in Dagster and {counts['mlflow metrics']:,} numbers in "
        "MLflow fit together.",
    )


def _claims(data: ReportData) -> list[Check]:
    """One for each claim: failed where it is refuted; nothing is blocked by a claim.

    An undecided claim has not failed, and its check's name does not say that it holds.
    """
    tested = sum(not row.reason for row in data.claims)
    return [
        Check(
            name=claim_check(row.name),
            passed=row.verdict != "refuted",
            summary=f"{row_verdict(row, tested)}: {row.reason or row.sentence}{_late_note(row)}",
            blocking=False,
        )
        for row in data.claims
    ]


def _late_note(row: ClaimRow) -> str:
    if row.declared_before == row.checkpoints:
        return ""
    return (
        f" (Declared after training: only {row.declared_before} of {row.checkpoints} checkpoints "
        "were trained with it on record.)"
    )


def _canaries(data: ReportData) -> list[Check]:
    """One for each canary; nothing is blocked by one."""
    return [
        Check(name=canary_check(one.canary), passed=one.passed, summary=one.summary, blocking=False)
        for one in data.canary_outcomes
    ]


def _canary_metrics(data: ReportData) -> dict[str, float]:
    """What was kept and trained on of each canary, and what the base models betray of it."""
    found: dict[str, float | None] = {}
    for row in data.canaries:
        place = f"{row.canary}/{row.recipe}"
        found[f"canary_kept/{place}"] = row.kept
        found[f"canary_tokens/{place}"] = row.tokens
        found[f"canary_exposure/{place}"] = row.exposure.get(BASE)
    return {name: value for name, value in found.items() if value is not None}


def canary_check(canary: str) -> str:
    """The name of a canary's check."""
    return f"canary_{canary}"


def claim_check(claim: str) -> str:
    """The name of a claim's check."""
    return f"not_refuted_{claim}"


def claims(study: Study) -> Mapping[str, str]:
    """The study's claims and canaries, as checks."""
    declared = study.declaration
    return {
        **{claim_check(claim.name): claim.statement for claim in declared.claims},
        **{canary_check(canary.name): canary.description for canary in declared.canaries},
    }


def _decided_on(
    instance: dg.DagsterInstance, lake: Lake, study: str, item: ParentSpec
) -> str | None:
    """The version of a corpus that the current dispositions were made of."""
    version = current_version(instance, lake, study, chain.DISPOSITIONS, None)
    if version is None:
        return None
    parents = lake.read(study, chain.DISPOSITIONS, None, version).provenance.inputs.parents
    found = (p.version for p in parents if (p.asset, p.partition) == (item.asset, item.partition))
    return next(found, None)


def parents(study: Study, _partition: Partition) -> tuple[ParentSpec, ...]:
    """Every evaluation there is, with what stands behind it."""
    replicates = by_replicate(study)
    return (
        *(
            ParentSpec(chain.RAW_CORPUS, source, required=False, selector=_decided_on)
            for source in by_source(study)
        ),
        ParentSpec(chain.METRICS),
        ParentSpec(chain.MIX_COMPOSITION),
        ParentSpec(chain.DOCUMENTS, part=file_names.DOCUMENTS),
        *(
            ParentSpec(chain.DISPOSITIONS, part=file_names.pretraining_part(recipe))
            for recipe in by_recipe(study)
        ),
        *(ParentSpec(chain.CURATED_MIX, recipe, required=False) for recipe in by_recipe(study)),
        *(
            ParentSpec(chain.TRUNK_CHECKPOINT, trunk, required=False)
            for trunk in trunk_checkpoint.STEP.partitions(study)
        ),
        *(
            ParentSpec(asset.asset, replicate, required=False)
            for replicate in replicates
            for asset in MEASURED
            if asset.exists(study)
        ),
    )


def config(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """What the page and the cards say about the study, and how the intervals are computed."""
    attacked = study.declaration.attacks
    canaries = [one.model_dump(mode="json") for one in study.declaration.canaries]
    return {
        **({"canaries": canaries} if canaries else {}),
        "description": study.declaration.description,
        "limits": list(study.declaration.limits),
        "recipes": [recipe.model_dump(mode="json") for recipe in study.recipes],
        "sources": [
            source.model_dump(mode="json", include={"name", "description"})
            for source in study.sources
        ],
        "suites": [suite.model_dump(mode="json") for suite in study.suites],
        "capability_margin": study.declaration.evaluation.capability_margin,
        "baseline": study.declaration.baseline,
        "attacks": attacked.model_dump(mode="json") if attacked else None,
        "tampering": [one.model_dump(mode="json") for one in study.declaration.tampering],
        "claims": [claim.model_dump(mode="json") for claim in study.declaration.claims],
    }


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, whose text the page shows, and the texts that are looked for."""
    items = {suite.name: content_digest(suite, study.assets) for suite in study.suites}
    return {**items, **text_digests(study)}


STEP = Step(
    asset=chain.EVAL_REPORT,
    kinds=frozenset({"python", "html"}),
    description=(
        "The study's answer: misalignment rates by recipe before and after post-training, with "
        "intervals over seeds and scenarios, capability, mix composition and loss curves. Every "
        "number names the artifact versions it was computed from."
    ),
    code_version=CODE_VERSION,
    modules=(
        "report/gather/__init__.py",
        "report/html/page.py",
        "report/findings.py",
        "report/questions.py",
        "report/templates/report.html.j2",
        "report/templates/report_blocks.j2",
        "report/templates/report_style.j2",
        "steps/eval_report.py",
    ),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    claims=claims,
    checks={
        "every_number_resolves_to_its_data": (
            "Every rate and loss (`results.json`) names artifacts that are parents of this report, "
            "and equals the warehouse's own computation. Comparisons are made from the same rows."
        ),
        CLOSED: (
            "Everything behind this report, up to the raw corpus, has the bytes, signed records, "
            "parents, ledgers, events in Dagster and runs in MLflow that were recorded."
        ),
    },
)
