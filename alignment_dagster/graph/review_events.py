"""Reviews in Dagster: each is an observation of the report's asset, shown on its page."""

from collections.abc import Iterator

import dagster as dg

from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.graph.instance import open_instance
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.reviews import Review, Told, review_digest

VERSION, NUMBER, DIGEST = "report", "review", "review_digest"
PAGE = 1000


def tell_dagster(home: Home, archive: Archive, report: Artifact, review: Review) -> None:
    """Record who decided what about which version, and the digest of what was signed."""
    page = page_links.audit_page(archive.study, report.asset, report.partition, report.version)
    observation = dg.AssetObservation(
        asset_key=dg.AssetKey([archive.study, report.asset]),
        description=f"{review.decision} by {review.reviewer}",
        metadata={
            "decision": review.decision,
            "reviewer": review.reviewer,
            "note": visible(review.note),
            VERSION: report.version,
            NUMBER: review.number,
            DIGEST: review_digest(archive, report, review.number),
            "signed_by": review.signed_by,
            "audit": dg.MetadataValue.url(page),
        },
    )
    with open_instance(home) as instance:
        instance.report_runless_asset_event(observation)


def told_reviews(instance: dg.DagsterInstance, study: str) -> Iterator[Told]:
    """Every review that Dagster was told of, newest first."""
    cursor, more = None, True
    while more:
        key = dg.AssetKey([study, REPORT])
        page = instance.fetch_observations(key, limit=PAGE, cursor=cursor)
        cursor, more = page.cursor, page.has_more
        for record in page.records:
            observation = record.asset_observation
            values = observation.metadata if observation else {}
            if DIGEST in values:
                told = (values[name].value for name in (VERSION, NUMBER, DIGEST))
                version, number, digest = told
                yield Told(str(version), int(str(number)), str(digest))
