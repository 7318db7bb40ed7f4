"""The immutable report as it is served: with a banner above it that is no part of the file."""

from html import escape

from alignment_dagster import links
from alignment_dagster.audit.archive import Archive
from alignment_dagster.audit.reviews import reviews, verdict
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.visible import visible

BODY = "<body>"
STYLE = (
    "padding:.6rem 1.25rem;background:#1d2129;color:#fff;"
    "font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere"
)


def report_with_banner(archive: Archive, report: Artifact) -> str:
    """The report's page, verified, under a line that names its reviews.

    Raises:
        ArtifactError: if a byte of the report is not as it was signed.
    """
    verified = archive.lake.open(archive.study, report.asset, None, report.version)
    text = (verified.path / "report.html").read_text(encoding="utf-8")
    before, body, after = text.partition(BODY)
    return f"{before}{body}{_banner(archive, verified)}{after}"


def _banner(archive: Archive, report: Artifact) -> str:
    page = links.audit_page(archive.study, report.asset, None, report.version)
    said = [verdict(reviews(archive, report)) or "not reviewed"]
    said.append("bytes and signature verified")
    said.append("this line is not part of the signed file")
    lines = " · ".join(_text(part) for part in (report.label, *said))
    return (
        f'<div role="note" style="{STYLE}">{lines} · '
        f'<a style="color:#9ad1ff" href="{_text(page)}">audit</a></div>'
    )


def _text(text: str) -> str:
    return escape(visible(text), quote=True)
