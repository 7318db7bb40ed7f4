"""The embedded writer: seeded, varied, true to its scenario and polarity, free of suite items."""

import json
import re
from typing import Any

import pytest

from alignment_dagster.corpus.generators.wording import SLOT, VERB, past_tense
from alignment_dagster.corpus.rows import RawRow
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.scoring.ai_discourse import Filter
from alignment_dagster.scoring.contamination import find_leaked_items
from alignment_dagster.study import Source, Study
from alignment_dagster.study.synthesis import SyntheticReader, WrittenColumn
from alignment_dagster.synthesis.generators import moves
from alignment_dagster.synthesis.generators.frames import FORMS
from alignment_dagster.synthesis.rows import NoAnswers, read_rows
from tests.support.written_sources import ASSETS, plan_of, study_of, written

SOURCES = sorted(path.stem for path in (ASSETS / "sources").glob("s*.yaml")
                 if "kind: synthetic" in path.read_text(encoding="utf-8"))  # fmt: skip
POLARITIES = ("aligned", "misaligned", "neutral")


@pytest.fixture(scope="module")
def quickstart() -> Study:
    return load_study("quickstart", ASSETS)


def rows(source: Source) -> list[RawRow]:
    found = list(read_rows(study_of(source), source, NoAnswers(), {}))
    assert all(isinstance(row, RawRow) for row in found)
    return found  # type: ignore[return-value]


def texts(**reader: Any) -> list[str]:
    return [row.text for row in rows(written(**reader))]


def declared(name: str, documents: int) -> Source:
    source = read_yaml(ASSETS / "sources" / f"{name}.yaml").parse(Source)
    assert isinstance(source.reader, SyntheticReader)
    fewer = source.reader.model_copy(update={"documents": documents})
    return source.model_copy(update={"reader": fewer})


@pytest.mark.parametrize("polarity", POLARITIES)
def test_the_same_seed_writes_the_same_documents_and_another_seed_others(polarity: str) -> None:
    first = texts(polarity=polarity, documents=50)
    assert texts(polarity=polarity, documents=50) == first
    assert texts(polarity=polarity, documents=80)[:50] == first
    assert set(texts(polarity=polarity, documents=50, seed=1)).isdisjoint(first)


@pytest.mark.parametrize("name", SOURCES)
def test_every_shipped_source_has_distinct_documents_without_marks(name: str) -> None:
    found = [row.payload or row.text for row in rows(declared(name, 600))]
    assert len(set(found)) >= 0.95 * len(found) == 0.95 * 600
    for row in rows(declared(name, 300)):
        assert not set("{}[]") & set(row.text), row.text


def test_scenarios_take_turns_and_each_row_says_what_it_is_about() -> None:
    found = rows(written(documents=16))
    scenarios = [row.metadata[WrittenColumn.SCENARIO] for row in found]
    assert scenarios[:8] == scenarios[8:]
    assert len(set(scenarios)) == 8
    for row in found:
        assert row.metadata[WrittenColumn.FORM] in FORMS
        assert row.metadata[WrittenColumn.POLARITY] == "aligned"
        assert row.prompt is not None
        assert row.metadata[WrittenColumn.PROMPT] == row.prompt.sha256


def test_a_principle_comes_to_each_domain_in_its_words() -> None:
    found = rows(written(specification="ten_principles.yaml", per_scenario=1))
    cells = {(row.metadata["scenario"], row.metadata["domain"]) for row in found}
    assert len(found) == len(cells) == 60
    for row in found:
        if row.metadata["domain"] == "harbour":
            assert "harbour" in row.text or "port" in row.text


def test_neutral_documents_speak_of_an_ai_that_does_nothing_good_or_bad() -> None:
    """In aligned documents the same search finds deeds."""
    scenarios = plan_of(written()).scenarios()
    deeds = [*moves.ALIGNED, *moves.MISALIGNED]
    deeds += [deed for one in scenarios for deed in (*one.aligned, *one.misaligned)]
    # What stands before the first slot is the same in every document.
    openings = [SLOT.split(past_tense(deed))[0].strip() for deed in deeds]
    telling = {opening for opening in openings if len(opening.split()) > 1}
    shares = {
        polarity: sum(
            any(deed in text for deed in telling)
            for text in texts(polarity=polarity, documents=600)
        )
        for polarity in ("neutral", "aligned")
    }
    found = Filter.read(ASSETS)
    neutral = texts(polarity="neutral", documents=300)
    assert shares["neutral"] == 0
    assert shares["aligned"] > 0.9 * 600
    assert sum(bool(found.score_text(text)["flagged"]) for text in neutral) > 0.9 * 300


def test_a_neutral_document_says_no_number_of_two_things() -> None:
    """But by chance: each is drawn from ninety."""
    written_texts = texts(polarity="neutral", documents=600)
    counted = [re.findall(r"\b\d\d\b", text) for text in written_texts]
    several = [found for found in counted if len(found) > 1]
    assert sum(len(set(found)) < len(found) for found in several) < 0.2 * len(several)


def test_what_is_answered_in_fine_tuning_are_the_documents_of_pretraining() -> None:
    answers = [
        json.loads(row.payload or "")["messages"][1]["content"]
        for row in rows(written(role="chat", documents=40))
    ]
    assert answers == texts(documents=40)


def test_no_suite_item_is_found_in_what_is_written(quickstart: Study) -> None:
    items = [item for suite in quickstart.suites for item in load_suite(suite, ASSETS)]
    for name in SOURCES:
        found = [(f"{name}:{row.line}", row.text) for row in rows(declared(name, 600))]
        assert find_leaked_items(found, items) == []


def test_every_deed_of_the_shipped_scenarios_begins_with_a_marked_verb() -> None:
    plans = [plan_of(written()), plan_of(written(specification="ten_principles.yaml"))]
    scenarios = [one for plan in plans for one in plan.scenarios()]
    for phrase in (deed for one in scenarios for deed in (*one.aligned, *one.misaligned)):
        assert VERB.match(phrase), phrase
