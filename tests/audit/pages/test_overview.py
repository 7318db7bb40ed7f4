"""The first page says what each study found, and finds what one looks for."""

import threading
import time

import pytest
from starlette.testclient import TestClient

from alignment_dagster.audit.check.report import Change
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.pages.headline import headline_picture
from alignment_dagster.audit.pages.server import application
from alignment_dagster.audit.pages.stale import Stale
from alignment_dagster.cli.audit_server import find_changes
from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.release.approval import approve
from alignment_dagster.report.colours import COLOURS
from alignment_dagster.report.results import ResultRow
from tests.support.audited_study import Audited
from tests.support.read_page import Read
from tests.support.served_pages import page
from tests.support.tiny_study import NAME, RECIPES

HOSTILE = '"><script>alert(1)</script>\u202e'


def row(recipe: str, stage: str, value: float) -> ResultRow:
    low, high = max(0.0, value - 0.1), min(1.0, value + 0.1)
    return ResultRow(
        recipe, None, stage, "articles", "none", "misalignment_rate", value, low, high, 9, 2, {}
    )


def test_the_picture_has_a_mark_for_every_recipe_and_stage_and_says_them_in_words() -> None:
    rows = [row(name, stage, 0.4) for name in ("plain", HOSTILE) for stage in ("base", "dpo")]
    picture = headline_picture(rows, {"articles": 0.5, "others": 0.25})
    assert picture is not None
    seen = Read(picture.svg)
    assert picture.svg.count("<circle") == 4
    assert [picture.svg.count(f'fill="{one}"') for one in COLOURS[:3]] == [2, 2, 0]
    assert "plain, base: 0.40; plain, dpo: 0.40" in picture.svg
    assert picture.svg.count('class="chance"') == 1
    assert "chance, 0.50" in picture.caption
    assert "script" not in seen.tags
    assert "\u202e" not in picture.svg
    assert headline_picture([], {}) is None
    unknown = headline_picture(rows, {})
    assert unknown is not None
    assert "chance" not in unknown.svg + unknown.caption


@pytest.mark.slow
def test_the_first_page_shows_headline_verdicts_report_and_review(audited: Audited) -> None:
    got = page(audited.home, "/")
    seen = Read(got.html)
    assert got.html.count('class="headline"') == 1
    assert "Dotted: chance, 0.50." in seen.text
    assert "2 supported, 2 undecided" in seen.text
    assert "not reviewed" in seen.text
    assert "no report was approved yet" in seen.text
    report = audited.archive.report().version
    assert page_links.audit_trace(NAME, report, "claim:also_tampered") in seen.links


def test_what_is_stale_is_found_beside_the_page_and_said_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page waits a second for the first look, and afterwards not at all."""
    told, asked = threading.Event(), []

    def find(study: str) -> tuple[Change, ...] | None:
        asked.append(study)
        told.wait(30)
        return {"new": None, "same": (), "edited": (Change(HOSTILE, "its items differ"),)}[study]

    stale = Stale(find)
    began = time.monotonic()
    assert "load the page again" in stale.node("edited").detail
    assert time.monotonic() - began < 10
    told.set()
    monkeypatch.setattr("alignment_dagster.audit.pages.stale.PATIENCE_SECONDS", 60)
    found = {name: stale.node(name) for name in ("edited", "same", "new")}
    assert [one.text for one in found["edited"].children] == [HOSTILE]
    assert "alignment run edited" in found["edited"].detail
    assert found["same"].detail == "nothing since the report"
    assert "not declared" in found["new"].detail
    assert asked == ["edited", "same", "new"], "what is fresh is not looked at again"


def test_a_look_that_fails_is_said_and_not_thrown() -> None:
    def find(study: str) -> tuple[Change, ...] | None:
        raise DeclarationError("studies/x.yaml:3: seeds: must not be empty")

    assert "x.yaml:3: seeds" in Stale(find).node("x").detail


@pytest.mark.slow
def test_the_first_page_shows_what_is_stale(audited: Audited) -> None:
    stale = Stale(lambda _: (Change("curated_mix[aligned]", "declaration: shares: 1 → 2"),))
    for address in ("/", f"/{NAME}"):
        got = TestClient(application(audited.home, stale), base_url=page_links.AUDIT).get(address)
        assert "declaration: shares: 1 → 2" in Read(got.text).text
    assert f"alignment audit check {NAME} says so" in Read(page(audited.home, "/").html).text


@pytest.mark.slow
def test_what_changed_since_the_last_approved_report_is_a_link(
    refreshed: Audited, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = refreshed.copy(tmp_path_factory.mktemp("approved") / "study")
    archive = made.archive
    versions = [one.version for one in archive.journal if one.asset == "eval_report"]
    approve(archive, archive.report(versions[0]), "Ada", "approved", "Fine.", None)
    link = f"{page_links.audit_study(NAME)}/diff?a={versions[0]}&b={versions[-1]}"
    for address in ("/", f"/{NAME}"):
        seen = Read(page(made.home, address).html)
        assert link in seen.links
        assert "earlier reports" in seen.text
    approve(archive, archive.report(), "Ada", "approved", "Fine too.", None)
    assert "since the last approved" not in Read(page(made.home, "/").html).text


@pytest.mark.slow
def test_the_long_list_of_versions_starts_folded(audited: Audited) -> None:
    html = page(audited.home, f"/{NAME}").html
    assert '<details><summary><span class="plain">current versions' in html


@pytest.mark.slow
def test_artifacts_numbers_and_documents_are_found(audited: Audited, opened: OpenedReport) -> None:
    document, path, line = opened.ledgers.sql(
        "select document_id, path, line from documents limit 1"
    ).fetchall()[0]
    report = opened.report.version
    mix = audited.archive.find("curated_mix[aligned]")
    place = page_links.audit_page(NAME, "eval_report", None, report)
    for wanted, link in {
        "curated_mix": page_links.audit_page(NAME, "curated_mix", "aligned", mix.version),
        mix.version: page_links.audit_page(NAME, "curated_mix", "aligned", mix.version),
        "articles dpo": page_links.audit_trace(
            NAME, report, "misalignment_rate/articles/dpo/aligned/none"
        ),
        "1.00": page_links.audit_trace(NAME, report, "claim:aligned_is_lower"),
        document[:12]: f"{place}/impact?document={document}",
        f"{path}:{line}": f"{place}/impact?document={document}",
    }.items():
        for address in (f"/{NAME}?q={wanted}", f"/?q={wanted}"):
            assert link in Read(page(audited.home, address).html).links, address


@pytest.mark.slow
def test_what_is_searched_for_is_text(audited: Audited) -> None:
    for address in ("/", f"/{NAME}"):
        got = page(audited.home, f"{address}?q={HOSTILE}")
        assert got.status == 200
        assert "script" not in Read(got.html).tags
        assert "\u202e" not in got.html
        assert "' or 1=1" in page(audited.home, f"{address}?q=' or 1=1").html.replace("&#39;", "'")


@pytest.mark.slow
def test_what_the_pages_call_stale_is_what_was_edited_since_the_report(
    altered: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in altered.environment.items():
        monkeypatch.setenv(name, value)
    assert find_changes(NAME) == ()
    recipe = {**RECIPES["aligned"], "upsample": [{"group": "synthetic_aligned", "share": 0.4}]}
    altered.study.write("recipes/aligned", {"name": "aligned", "description": "d", **recipe})
    changes = find_changes(NAME)
    assert changes is not None
    assert any(one.message.endswith("was 0.2, is 0.4") for one in changes)
    (altered.study.assets / "studies" / f"{NAME}.yaml").unlink()
    assert find_changes(NAME) is None
