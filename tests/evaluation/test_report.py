"""The page: self-contained, escaped, and the same bytes for the same data."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from evaluated_rows import KINDS, study_of_two

from alignment_dagster.evaluation.report import render, write_report
from alignment_dagster.evaluation.report_data import (
    ArtifactVersion,
    CheckOutcome,
    CompositionRow,
    DispositionCount,
    FilterQuality,
    LossPoint,
    ReportData,
)
from alignment_dagster.evaluation.results import difference_rows, result_rows, topic_rows
from alignment_dagster.study import Recipe, Suite

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> {{ 7 * 7 }} &amp;"
RECIPES = ("unfiltered", "aligned")


def suite(name: str) -> Suite:
    return Suite.model_validate(
        {
            "name": name,
            "description": HOSTILE,
            "licence": HOSTILE,
            "kind": KINDS[name],
            "split": "articles" if name == "articles" else None,
            "items": {"reader": "scenarios", "path": "x"},
            "formats": ("continuation",),
        }
    )


@pytest.fixture
def data() -> ReportData:
    parts = study_of_two(HOSTILE)
    return ReportData(
        study="drill",
        description=HOSTILE,
        recipes=[Recipe(name=name, description=HOSTILE, base="web") for name in RECIPES],
        suites=[suite(name) for name in KINDS],
        results=result_rows(parts, KINDS, 100),
        topics=topic_rows(parts, KINDS, 100),
        differences=difference_rows(parts, KINDS, 100),
        composition=[CompositionRow(name, "stories", "web", 1000, 1.0) for name in RECIPES],
        losses=[
            LossPoint(name, seed, 64 * step, 5.0 / step)
            for name in RECIPES
            for seed in (0, 1)
            for step in range(1, 30)
        ],
        dispositions=[DispositionCount("aligned", HOSTILE, "dropped", "held_out", 3, 99)],
        filter_quality=[FilterQuality("aligned", 0.9, 0.8, 100)],
        checks=[CheckOutcome("evaluation", "aligned|0", "answered", False, HOSTILE)],
        versions=[ArtifactVersion("evaluation", "aligned|0", "abc123")],
        limits=[HOSTILE],
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_hostile_text_stays_text(data: ReportData) -> None:
    page = render(data)
    tags = Tags()
    tags.feed(page)
    assert not {"script", "img", "iframe", "link", "object"} & {tag for tag, _ in tags.seen}
    assert not [key for _, attrs in tags.seen for key in attrs if key.startswith("on")]
    assert "&lt;script&gt;" in page
    assert "{{ 7 * 7 }}" in page


def test_the_page_needs_no_network(data: ReportData) -> None:
    page = render(data)
    tags = Tags()
    tags.feed(page)
    for _, attrs in tags.seen:
        for key in ("src", "href", "xlink:href"):
            assert (attrs.get(key) or "#").startswith("#")
    assert not re.search(r"https?://|@import|url\((?!#)", page)


def test_ids_are_unique_and_references_resolve(data: ReportData) -> None:
    page = render(data)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)) <= {
        pair for one in ids for pair in ((one, ""), ("", one))
    }


def test_the_same_data_gives_the_same_bytes(data: ReportData, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(data, tmp_path / name)
    for name in ("report.html", "results.json", "results.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_headline_states_the_numbers_and_whether_they_differ(data: ReportData) -> None:
    page = render(data)
    pooled = {r.recipe: r for r in data.results if r.suite == "articles" and r.seed is None}
    assert f"{100 * pooled['unfiltered'].value:.0f}\u00a0% [" in page
    assert "the intervals overlap: undecided" in page


def test_failed_checks_and_versions_are_shown(data: ReportData) -> None:
    page = render(data)
    assert "FAILED" in page
    assert "0 of 1 passed" in page
    assert "abc123" in page


def test_sections_without_data_are_left_out(data: ReportData) -> None:
    bare = replace(
        data, topics=(), differences=(), composition=(), losses=(), dispositions=(), checks=()
    )
    page = render(bare)
    assert "By topic" not in page
    assert "What the models read" not in page
    assert "All pooled results" in page


def test_a_study_without_misalignment_suites_says_so(data: ReportData) -> None:
    only = [row for row in data.results if row.suite == "cloze"]
    page = render(replace(data, results=only, topics=(), differences=()))
    assert "This study measured no misalignment suite." in page
