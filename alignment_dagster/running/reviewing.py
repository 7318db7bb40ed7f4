"""A review as Dagster's pages show it: an observation of the report's asset."""

import dagster as dg

from alignment_dagster import links
from alignment_dagster.audit.reviews import Review
from alignment_dagster.home import Home
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.running.instance import open_instance


def tell_dagster(home: Home, report: Artifact, review: Review) -> None:
    """Record who decided what about which version."""
    study = report.provenance.inputs.study
    page = links.audit_page(study, report.asset, report.partition, report.version)
    observation = dg.AssetObservation(
        asset_key=dg.AssetKey([study, report.asset]),
        description=f"{review.decision} by {review.reviewer}",
        metadata={
            "decision": review.decision,
            "reviewer": review.reviewer,
            "note": review.note,
            "report": report.version,
            "signed_by": review.signed_by,
            "audit": dg.MetadataValue.url(page),
        },
    )
    with open_instance(home) as instance:
        instance.report_runless_asset_event(observation)
