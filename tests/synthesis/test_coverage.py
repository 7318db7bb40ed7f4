"""What was written, is missing, was kept, dropped and quarantined, each in the place it belongs."""

from pathlib import Path

import pytest

from alignment_dagster.audit.corpus.current import open_corpus
from alignment_dagster.audit.synthetic.current import find_written
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.synthesis.coverage import KEPT, WrittenSource
from alignment_dagster.synthesis.gaps import describe_gaps
from alignment_dagster.synthesis.rows import NoAnswers, make_plan
from alignment_dagster.synthesis.summary import MOST_SAMPLES, WrittenSummary, summarise
from tests.support import covered_lake
from tests.support.covered_lake import FORMS, SCENARIOS, UNANSWERED, CoveredLake


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> CoveredLake:
    return covered_lake.make(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def sources(made: CoveredLake) -> dict[str, WrittenSource]:
    return {one.name: one for one in find_written(made.study, open_corpus(made.archive))}


@pytest.fixture(scope="module")
def summaries(made: CoveredLake, sources: dict[str, WrittenSource]) -> dict[str, WrittenSummary]:
    raw = {one.partition: one for one in open_corpus(made.archive).raw}
    return {name: summarise(one, raw[name]) for name, one in sources.items()}


def test_every_document_stands_in_the_cell_of_its_scenario_and_form(
    summaries: dict[str, WrittenSummary],
) -> None:
    for summary in summaries.values():
        documents = summary.source.documents
        assert sum(cell.written for cell in summary.cells) == len(documents)
        assert {cell.place for cell in summary.cells} >= {one.place for one in documents}
        assert len(summary.cells) == SCENARIOS * len(FORMS)


def test_scenarios_without_a_document_are_named(sources: dict[str, WrittenSource]) -> None:
    assert not list(describe_gaps(sources["good"]))
    assert [name for name, _ in sources["bad"].without_documents] == [
        name for name, _ in sources["bad"].scenarios[5:]
    ]
    (said,) = describe_gaps(sources["bad"])
    assert said.startswith("bad: 3 of 8 scenarios have no document: hidden_goals")


def test_a_recipe_counts_what_it_keeps_and_drops_of_the_sources_that_it_reads(
    sources: dict[str, WrittenSource], summaries: dict[str, WrittenSummary]
) -> None:
    assert sources["good"].recipes == ("aligned",)
    assert sources["bad"].recipes == ()
    assert sources["good"].became("aligned") == {KEPT: 23, "near_duplicate": 1}
    assert sources["good"].alike("aligned") == 1 / 24
    assert sum(one.became["aligned"].get(KEPT, 0) for one in summaries["good"].cells) == 23


def test_a_request_without_an_answer_is_counted_where_its_document_is_missing(
    made: CoveredLake, sources: dict[str, WrittenSource]
) -> None:
    study = made.study
    asked = make_plan(study, study.source("asked"), NoAnswers()).requests()
    missing = [one.subject for one in asked if not one.number % UNANSWERED]
    found = sources["asked"].quarantined
    assert sum(found.values()) == len(missing)
    assert {(place.scenario, place.form) for place in found} == {
        (one.scenario, one.form) for one in missing
    }


def test_samples_are_bounded_and_show_a_kept_one_of_each_form_and_one_of_each_rule(
    summaries: dict[str, WrittenSummary],
) -> None:
    samples = summaries["good"].samples
    assert len(samples) <= MOST_SAMPLES
    assert {one.place.form for one in samples if one.became == KEPT} == set(FORMS)
    assert [one.became for one in samples if one.became != KEPT] == ["near_duplicate"]
    assert {one.became for one in summaries["bad"].samples} == {"written"}


def test_templates_add_up_and_forms_are_measured_apart(
    summaries: dict[str, WrittenSummary],
) -> None:
    summary = summaries["good"]
    assert sum(one.share for one in summary.templates) == pytest.approx(1.0)
    assert [one.name for one in summary.variety if one.kind == "form"] == list(FORMS)
    assert len([one for one in summary.variety if one.kind == "scenario"]) == SCENARIOS


def test_a_source_that_is_declared_otherwise_by_now_is_not_looked_at(tmp_path: Path) -> None:
    made = covered_lake.make(tmp_path)
    scenarios = made.tiny.assets / "scenarios" / "articles.yaml"
    scenarios.write_text(scenarios.read_text().replace("name: sabotage", "name: sabotages"))
    with pytest.raises(ArtifactError, match="good is declared otherwise by now: alignment run"):
        find_written(made.study, open_corpus(made.archive))
