"""A real report's pages: its numbers lead to their documents, and the report stays as signed."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urljoin

import pytest

from alignment_dagster.audit.metrics import list_metrics
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.trace.findings import list_findings
from alignment_dagster.chain import ORDER
from alignment_dagster.foundation import page_links
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.release.approval import approve
from alignment_dagster.report.names import metric_name
from tests.support.audited_study import Audited
from tests.support.read_page import Read
from tests.support.served_pages import page, running
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e'\"{{7*7}}"


def target(artifact: Artifact, below: str = "") -> str:
    address = page_links.audit_page(NAME, artifact.asset, artifact.partition, artifact.version)
    return address.removeprefix(page_links.AUDIT) + below


@pytest.fixture(scope="module")
def report(audited: Audited) -> Artifact:
    return audited.archive.report()


@pytest.fixture(scope="module")
def port(audited: Audited) -> Iterator[int]:
    with running(audited.home) as port:
        yield port


MANY = ("/answers", "/corpus")
"""Of such pages each filter is another address: tests of their own walk them."""


def test_every_address_on_every_page_leads_somewhere(audited: Audited, port: int) -> None:
    """From the front page, all pages of the audit can be walked; none is broken."""
    waiting, seen = ["/"], set()
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        connection = http.client.HTTPConnection(page_links.HOST, port, timeout=60)
        connection.request("GET", address, headers={"Host": "127.0.0.1:5001"})
        answer = connection.getresponse()
        html = answer.read().decode()
        assert answer.status == 200, (address, html[-2000:])
        if not address.endswith("/report") and not any(one in address for one in MANY):
            found = [one for one in Read(html).links if one.startswith(page_links.AUDIT)]
            waiting += [one.removeprefix(page_links.AUDIT) for one in found]
    assert {target(one) for one in audited.archive.all()} <= seen
    assert any("/trace?" in one for one in seen)
    assert any("/answers?" in one for one in seen)
    assert any("/impact?" in one for one in seen)
    assert any(one.endswith("/corpus") for one in seen)
    assert any(one.endswith("/report") for one in seen)


def test_a_report_page_shows_every_asset_and_each_headline_number(
    audited: Audited, report: Artifact
) -> None:
    got = page(audited.home, target(report))
    there = {one.asset for one in audited.archive.ancestors([report])}
    undeclared = {"classifier", "harness", "corpus_drift", "near_duplicates", "regression_gate"}
    undeclared |= {"trunk_checkpoint"}
    assert there >= set(ORDER) - undeclared
    for one in audited.archive.ancestors([report]):
        assert f"{page_links.AUDIT}{target(one)}" in Read(got.html).links
    metric = quote("misalignment_rate/articles/base/unfiltered/none", safe="")
    assert f"{page_links.AUDIT}{target(report, f'/trace?metric={metric}')}" in Read(got.html).links


def test_a_trace_by_some_words_is_served(audited: Audited, report: Artifact) -> None:
    got = page(audited.home, target(report, "/trace?metric=base/unfiltered/misalignment_rate"))
    assert got.status == 200
    assert "misalignment_rate/articles/base/unfiltered/none" in got.html
    claim = page(audited.home, target(report, "/trace?metric=claim:also_tampered"))
    assert "bad_chat@2" in Read(claim.html).text
    for shown in (got, claim):
        links = Read(shown.html).links
        assert any(one.startswith(page_links.DAGSTER) for one in links)
        assert any(one.startswith(page_links.MLFLOW) for one in links)
    several = page(audited.home, target(report, "/trace?metric=1.00"))
    assert "numbers of eval_report" in Read(several.html).text
    wrong = page(audited.home, target(report, "/trace?metric=mizalignment_rate"))
    assert wrong.status == 409
    assert "near: misalignment_rate" in wrong.html
    assert page(audited.home, target(report, "/trace")).status == 404
    hostile = page(audited.home, target(report, f"/trace?metric={quote(HOSTILE, safe='')}"))
    assert hostile.status == 409
    assert "<script>" not in hostile.html
    assert not set(hostile.html) & {"\x1b", "\u202e"}


def test_the_numbers_of_the_report_lead_to_their_traces_where_it_is_served(
    audited: Audited, opened: OpenedReport, report: Artifact
) -> None:
    """What stands in the file is signed; the banner alone makes links of it."""
    signed = (report.path / "report.html").read_text()
    served = page(audited.home, target(report, "/report")).html
    assert "a.trace{pointer-events:auto" in served
    assert "a.trace{pointer-events:auto" not in signed
    links = [one for one in Read(served).links if not one.startswith(("#", "http"))]
    here = f"{page_links.AUDIT}{target(report)}/report"
    led = {urljoin(here, one).removeprefix(page_links.AUDIT) for one in links}
    names = {unquote(one.partition("?metric=")[2]) for one in led if "?metric=" in one}
    known = {metric_name(row) for row in list_metrics(opened)}
    assert names <= known | {one.name for one in list_findings(opened)}
    assert "claim:aligned_is_lower" in names
    assert len(names) > 40
    assert {name.partition(":")[0] for name in names} >= {"topic", "format"}
    answers = {one for one in led if "/answers?suite=" in one}
    assert answers
    artifacts = {one for one in led if "?metric=" not in one} - answers
    assert artifacts <= {target(one) for one in audited.archive.all()}
    assert len(artifacts) > 20
    claim = page(audited.home, next(one for one in led if "claim%3Aaligned_is_lower" in one))
    assert "Aligned documents lower the rate." in Read(claim.html).text


def test_impact_takes_documents_and_sources_and_reads_no_files(
    audited: Audited, report: Artifact
) -> None:
    assert page(audited.home, target(report, "/impact?document=source:ai_news")).status == 200
    for document in ("/etc/passwd", "file:///etc/passwd", "'; drop table x; --", "%00%00%00%00%00"):
        got = page(audited.home, target(report, f"/impact?document={quote(document)}"))
        assert got.status == 409
        assert "there is no document" in Read(got.html).text


def test_recipes_and_reports_are_compared(audited: Audited) -> None:
    got = page(audited.home, f"/{NAME}/diff?a=aligned&b=unfiltered")
    assert got.status == 200
    assert "aligned" in got.html
    wrong = page(audited.home, f"/{NAME}/diff?a=alined&b=unfiltered")
    assert wrong.status == 409
    assert "aligned" in wrong.html
    assert page(audited.home, f"/{NAME}/diff?a=aligned").status == 404


def test_the_report_is_served_as_signed_under_a_banner(altered: Audited) -> None:
    archive = altered.archive
    report = archive.report()
    signed = (report.path / "report.html").read_text()
    got = page(altered.home, target(report, "/report")).html
    assert "not reviewed" in got
    start = got.index("<body>") + len("<body>")
    end = got.index("</div>", start) + len("</div>")
    assert got[:start] + got[end:] == signed, "but for the banner nothing is added or lost"
    banner = Read(got[start:end])
    assert "this line is not part of the signed file" in banner.text
    run = report.provenance.mlflow_run_id
    assert run is not None
    assert banner.links == [
        f"{page_links.AUDIT}{target(report)}",
        page_links.dagster_asset(NAME, "eval_report", None),
        page_links.mlflow_run(run),
    ]

    approve(archive, report, "Ada", "rejected", '<script>alert(1)</script> "no"', None)
    got = page(altered.home, target(report, "/report")).html
    assert "rejected by Ada" in got[start : start + 600]
    for address in ("/", f"/{NAME}", target(report)):
        shown = page(altered.home, address).html
        assert "rejected by Ada" in shown
        assert "<script>alert" not in shown
    assert (report.path / "report.html").read_text() == signed


def test_an_altered_report_is_not_served(altered: Audited) -> None:
    report = altered.archive.report()
    path = report.path / "report.html"
    path.write_text(path.read_text().replace("<h1>", "<h1>Approved: "))
    got = page(altered.home, target(report, "/report"))
    assert got.status == 409
    assert "report.html" in got.html
    assert "Approved: " not in got.html


def test_a_broken_review_is_said_and_hides_nothing(altered: Audited) -> None:
    archive = altered.archive
    report = archive.report()
    approve(archive, report, "Ada", "approved", "Fine.", None)
    (path,) = (altered.lake / "reviews" / report.version).glob("*.json")
    path.write_text("{}")
    for address in ("/", f"/{NAME}", target(report), target(report, "/report")):
        got = page(altered.home, address)
        assert got.status == 200, address
        assert f"reviews/{report.version}/0001.json" in got.html
        assert "approved by Ada" not in got.html


def test_the_page_of_an_artifact_is_written_to_a_file(altered: Audited, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    done = altered.command("audit", "page", NAME, "curated_mix[aligned]", "-o", str(file))
    assert done.returncode == 0, done.stderr
    mix = altered.archive.current("curated_mix", "aligned")
    assert file.read_text() == page(altered.home, target(mix)).html
    done = altered.command("audit", "page", NAME, "curated_mx", "-o", str(tmp_path / "no.html"))
    assert done.returncode == 2
    assert "near: curated_mix" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "no.html").exists()


@pytest.mark.parametrize("name", ["articles/dpo/aligned", "claim:aligned_is_lower"])
def test_the_page_of_a_number_begins_with_the_runs_that_it_was_measured_in(
    audited: Audited, name: str
) -> None:
    report = audited.archive.report()
    html = page(audited.home, f"{target(report, '/trace')}?metric={name}").html
    above = Read(html[html.index("<header>") : html.index("</header>") + len("</header>")])
    for seed in (0, 1):
        made = audited.archive.find(f"evaluation[aligned|{seed}]").provenance
        assert made.dagster_run_id
        assert made.mlflow_run_id
        assert page_links.dagster_run(made.dagster_run_id) in above.links
        assert page_links.mlflow_run(made.mlflow_run_id) in above.links
        assert f"evaluation[aligned|{seed}] in MLflow" in above.text
