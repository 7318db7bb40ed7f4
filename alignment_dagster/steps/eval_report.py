"""`eval_report`: tables, plots and comparisons over recipes and seeds."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from alignment_dagster.foundation import page_links
from alignment_dagster.audit.check import check_ancestors
from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.steps import attacks, curated_mix, evaluation, post_trained_checkpoint, pretrained_checkpoint, tampering
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.report.findings import write_findings
from alignment_dagster.report.gather import gather
from alignment_dagster.report.gather.mart_check import find_mismatches
from alignment_dagster.report.questions import write_questions
from alignment_dagster.report.html.page import REPORT, write_report
from alignment_dagster.report.rows import ClaimRow, ReportData
from alignment_dagster.report.results import read_results
from alignment_dagster.evaluation.suites.loader import content_digest
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import table
from alignment_dagster.graph.step import Made, Partition, Step, Wanted, by_recipe, by_recipe_and_seed, no_partitions
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.study import Study

RESULTS = "results.json"
METRICS = "metrics.parquet"
CLOSED = "provenance_closed"
MEASURED = (
    pretrained_checkpoint.STEP,
    post_trained_checkpoint.STEP,
    evaluation.STEP,
    tampering.STEP,
    attacks.STEP,
)


def build(making: Making) -> Made:
    """Gather the artifacts, compute every interval, and write the page.

    Raises:
        ArtifactError: if what is recorded of the artifacts behind it does not fit together.
    """
    closed = _closed(making)
    data = gather(making.study, making.parents)
    write_report(data, making.folder)
    write_findings(data, making.folder)
    write_questions(making.study, making.folder)
    making.track_file(making.folder / REPORT)
    mart = pq.read_table(making.parents.one("metrics").path / METRICS)
    rows = read_results(making.folder / RESULTS)
    problems = find_mismatches(rows, mart, making.parents)
    check = Check(
        name="every_number_resolves_to_its_data",
        passed=not problems,
        summary=problems[0] if problems else f"{len(rows):,} numbers, each from named artifacts.",
    )
    return Made((check, closed, *_claims(data)), metrics={"numbers": len(rows)})


def _closed(making: Making) -> Check:
    """Everything up to the raw corpus, checked as `alignment audit check` does.

    A gap ends the run, and nothing is published: a report with a failed check would be found again
    by its inputs, and stay failed when the gap has been closed.
    """
    home = Home.from_environment()
    name = making.study.name
    roots = making.parents.distinct()
    report = check_ancestors(open_archive(name, home), home, roots, making.context.instance)
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
    """One for each claim: passed where it is supported; nothing is blocked by a claim."""
    return [
        Check(
            name=claim_check(row.name),
            passed=row.verdict == "supported",
            summary=f"{row.verdict}: {row.reason or row.sentence}{_late(row)}",
            blocking=False,
        )
        for row in data.claims
    ]


def _late(row: ClaimRow) -> str:
    if row.declared_before == row.checkpoints:
        return ""
    return (
        f" (Declared after training: only {row.declared_before} of {row.checkpoints} checkpoints "
        "were trained with it on record.)"
    )


def claim_check(claim: str) -> str:
    """The name of a claim's check."""
    return f"claim_{claim}"


def claims(study: Study) -> Mapping[str, str]:
    """The study's claims, as checks."""
    return {claim_check(claim.name): claim.statement for claim in study.declaration.claims}


def describe(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The report itself, and its pooled headline numbers with intervals."""
    page = page_links.audit_page(study.name, artifact.asset, artifact.partition, artifact.version)
    pooled = [
        row
        for row in read_results(artifact.path / RESULTS)
        if row.seed is None and row.prompt == "none" and "/" not in row.suite
    ]
    rows = [
        {
            "recipe": row.recipe,
            "suite": row.suite,
            "stage": row.stage,
            "metric": row.metric,
            "value": row.value,
            "95 % interval": f"{row.ci_low:.3f} to {row.ci_high:.3f}",
        }
        for row in pooled
    ]
    columns = ["recipe", "suite", "stage", "metric", "value", "95 % interval"]
    return {
        **evaluation.rates_plot(pooled),
        "report": dg.MetadataValue.url(f"{page}/report"),
        "results": dg.MetadataValue.md(table(rows, columns)),
    }


def wants(study: Study, _partition: Partition) -> tuple[Wanted, ...]:
    """Every evaluation there is, with what stands behind it."""
    replicates = by_recipe_and_seed(study)
    return (
        Wanted("metrics"),
        Wanted("mix_composition"),
        Wanted("documents", part="documents.parquet"),
        *(
            Wanted("dispositions", part=curated_mix.pretraining_part(recipe))
            for recipe in by_recipe(study)
        ),
        *(Wanted("curated_mix", recipe, required=False) for recipe in by_recipe(study)),
        *(
            Wanted(asset.asset, replicate, required=False)
            for replicate in replicates
            for asset in MEASURED
            if asset.exists(study)
        ),
    )


def declared(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """What the page says about the study, and how the intervals are computed."""
    attacked = study.declaration.attacks
    return {
        "description": study.declaration.description,
        "limits": list(study.declaration.limits),
        "recipes": [recipe.model_dump(mode="json") for recipe in study.recipes],
        "suites": [suite.model_dump(mode="json") for suite in study.suites],
        "capability_margin": study.declaration.evaluation.capability_margin,
        "baseline": study.declaration.baseline,
        "attacks": attacked.model_dump(mode="json") if attacked else None,
        "tampering": [one.model_dump(mode="json") for one in study.declaration.tampering],
        "claims": [claim.model_dump(mode="json") for claim in study.declaration.claims],
    }


def outside(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, whose text the page shows."""
    return {suite.name: content_digest(suite, study.assets) for suite in study.suites}


STEP = Step(
    asset="eval_report",
    group="4_evaluation",
    kinds=frozenset({"python", "html"}),
    description=(
        "The study's answer: misalignment rates by recipe before and after post-training, with "
        "intervals over seeds and scenarios, capability, mix composition and loss curves. Every "
        "number names the artifact versions it was computed from."
    ),
    code=(
        "report/gather/__init__.py",
        "report/html/page.py",
        "report/findings.py",
        "report/questions.py",
        "report/templates/report.html.j2",
        "report/templates/report_blocks.j2",
        "report/templates/report_style.j2",
        "steps/eval_report.py",
    ),
    partitions=no_partitions,
    wants=wants,
    declared=declared,
    outside=outside,
    build=build,
    describe=describe,
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


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study."""
    return definitions(
        STEP,
        upstream=[
            "metrics",
            "mix_composition",
            "documents",
            "dispositions",
            curated_mix.STEP,
            *MEASURED,
        ],
    )
