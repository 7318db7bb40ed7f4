"""What Dagster's pages show of `eval_report`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from alignment_dagster.foundation import page_links
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.findings import read_findings
from alignment_dagster.report.results import read_results
from alignment_dagster.report.verdicts import claim_verdicts
from alignment_dagster.steps.pages.evaluation import rates_plot
from alignment_dagster.steps.pages.tables import table
from alignment_dagster.study import Study


def page_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The report itself, and its pooled headline numbers with intervals."""
    page = page_links.audit_page(study.name, artifact.asset, artifact.partition, artifact.version)
    pooled = [
        row
        for row in read_results(artifact.path / file_names.RESULTS)
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
    found = read_findings(artifact.path)["claims"]
    verdicts = claim_verdicts(found)
    claims = [
        {
            "claim": one["name"],
            "verdict": verdicts[one["name"]],
            "found": one["reason"] or one["sentence"],
        }
        for one in found
    ]
    judged = {"claims": dg.MetadataValue.md(table(claims, list(claims[0])))} if claims else {}
    return {
        **rates_plot(study, pooled),
        "report": dg.MetadataValue.url(f"{page}/report"),
        **judged,
        "results": dg.MetadataValue.md(table(rows, columns)),
    }
