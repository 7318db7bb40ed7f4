"""The immutable report as it is served: with a banner above it that is no part of the file."""

from html import escape

from alignment_dagster.audit.review_nodes import describe_verdict
from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.reviews import DECISIONS, reviews

BODY = "<body>"
STYLE = (
    "padding:.6rem 1.25rem;background:#1d2129;color:#fff;"
    "font:14px/1.5 system-ui,'DejaVu Sans',sans-serif;overflow-wrap:anywhere"
)
LINKS = (
    "<style>a.trace{pointer-events:auto;text-decoration:underline dotted;"
    "text-underline-offset:.2em}</style>"
)
"""Numbers and versions are links where the pages that they lead to are served."""
COLOURS = {True: "#7fe0bd", False: "#ffb08a"}


def report_with_banner(archive: Archive, report: Artifact) -> str:
    """The report's page, verified, under a line that names its reviews.

    Raises:
        ArtifactError: if a byte of the report is not as it was signed, or it is no page.
    """
    verified = archive.lake.open(archive.study, report.asset, None, report.version)
    text = (verified.path / file_names.REPORT).read_text(encoding="utf-8")
    before, body, after = text.partition(BODY)
    if not body:
        raise ArtifactError(f"{verified.label}: report.html has no {BODY} to put the reviews above")
    return f"{before}{body}{_banner(archive, verified)}{after}"


def _banner(archive: Archive, report: Artifact) -> str:
    page = page_links.audit_page(archive.study, report.asset, None, report.version)
    decision, good = _decision(archive, report)
    run = report.provenance.mlflow_run_id
    doors = [
        (page, "audit"),
        (page_links.dagster_asset(archive.study, report.asset, None), "Dagster"),
        *([(page_links.mlflow_run(run), "MLflow")] if run else []),
    ]
    return (
        f'<div role="note" style="{STYLE}">{_text(report.label)} · '
        f'<strong style="color:{COLOURS[good]}">{_text(decision)}</strong> · '
        "bytes and signature verified now · this line is not part of the signed file · "
        f"{' · '.join(_link(address, said) for address, said in doors)}{LINKS}</div>"
    )


def _decision(archive: Archive, report: Artifact) -> tuple[str, bool]:
    try:
        found = reviews(archive, report)
    except ArtifactError as error:
        return str(error), False
    if not found:
        return "not reviewed", False
    return describe_verdict(found), found[-1].decision == DECISIONS[0]


def _link(address: str, said: str) -> str:
    return f'<a style="color:#9ad1ff" href="{_text(address)}">{said}</a>'


def _text(text: str) -> str:
    return escape(visible(text), quote=True)
