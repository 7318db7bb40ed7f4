"""The section on what was written: a picture of each source, what is missing, samples to read."""

from dataclasses import replace

from alignment_dagster.report.html.content import Exhibits, Figures, Pivot, Section, Sentences
from alignment_dagster.report.html.sections import written
from alignment_dagster.synthesis.coverage import Place
from alignment_dagster.synthesis.summary import CoverageCell, WrittenSummary
from tests.support.report_rows import report
from tests.support.written_rows import written_summary


def made(*summaries: WrittenSummary) -> Section:
    return written.section(replace(report("ok"), written=summaries))


def test_a_study_without_written_sources_has_no_such_section() -> None:
    section = made()
    assert not section.blocks
    assert not section.more


def test_what_is_kept_dropped_quarantined_and_missing_is_said() -> None:
    said, figures = made(written_summary("ok")).blocks
    assert isinstance(said, Sentences)
    assert said.sentences[0] == (
        "asked: 2 documents (aligned, by openai compatible) on 3 scenarios in 2 forms; aligned "
        "keeps 1 and drops the others (ok 1); 1 quarantined, 3 repeated."
    )
    assert said.sentences[1].startswith("asked: 2 of 3 scenarios have no document: privacy")
    assert isinstance(figures, Figures)
    assert "privacy: news article 0, fiction 0" in str(figures.drawings[0].svg)


def test_samples_say_what_became_of_them_and_under_which_recipe() -> None:
    more = made(written_summary("near_duplicate")).more
    (samples,) = [block for block in more if isinstance(block, Exhibits)]
    labels = [one.passages[0].label for one in samples.exhibits]
    assert labels == ["kept under aligned", "dropped by near duplicate under aligned"]


def test_a_picture_of_many_scenarios_shows_their_domains_or_those_with_the_fewest_documents() -> (
    None
):
    summary = written_summary("ok")

    def of(count: int, domains: int) -> str:
        cells = [
            CoverageCell(Place(f"s{n}", f"d{n % domains}", "fiction"), n, 0, {})
            for n in range(count)
        ]
        (_, figures) = made(replace(summary, cells=tuple(cells))).blocks
        assert isinstance(figures, Figures)
        return str(figures.drawings[0].svg) + figures.drawings[0].caption

    assert "d1: s1: " in of(20, 2)
    assert "d1: news article 0, fiction 2500" in of(100, 2)
    many = of(100, 50)
    assert "s39: " in many
    assert "s40: " not in many
    assert "60 topics with more documents are left out" in many


def test_tables_are_bounded() -> None:
    summary = written_summary("ok")
    many = replace(summary, variety=summary.variety[2:] * 1000, templates=summary.templates * 1000)
    tables = [block for block in made(many).more if isinstance(block, Pivot)]
    assert max(len(group.lines) for one in tables for group in one.groups) <= written.MOST_ROWS
