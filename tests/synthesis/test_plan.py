"""What is asked for each document: balanced over scenarios and forms, the same in every run."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.corpus.rows import document_id
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.language_models.cost import most_cost
from alignment_dagster.preflight.synthesis import find_synthetic_fault
from alignment_dagster.study import Suite
from alignment_dagster.synthesis.covered import refuse_uncovered
from alignment_dagster.synthesis.document_request import DocumentRequest
from alignment_dagster.synthesis.plan import Plan
from alignment_dagster.synthesis.rows import NoAnswers, read_rows
from tests.support.written_sources import ASSETS, ENDPOINT, GRAMMAR, plan_of, study_of, written

FORMS = ["news_article", "fiction"]


def requests(plan: Plan) -> list[DocumentRequest]:
    return list(plan.requests())


def asked(**reader: Any) -> list[DocumentRequest]:
    return requests(plan_of(written(generator=ENDPOINT, **reader)))


def suite(name: str) -> Suite:
    return read_yaml(ASSETS / "suites" / f"{name}.yaml").parse(Suite)


def test_each_scenario_comes_to_each_form_before_any_comes_twice() -> None:
    found = asked(forms=FORMS, documents=16)
    cells = Counter((one.subject.scenario, one.subject.form) for one in found)
    assert len(cells) == 16
    assert set(cells.values()) == {1}


def test_more_documents_begin_with_the_same_requests_and_another_seed_asks_otherwise() -> None:
    first = [one.digest for one in asked(documents=20)]
    assert [one.digest for one in asked(documents=40)][:20] == first
    assert set(first).isdisjoint(one.digest for one in asked(documents=20, seed=1))
    assert len(set(first)) == 20


def test_all_that_decides_an_answer_is_in_its_digest_and_nothing_else() -> None:
    one = asked(documents=1)[0]
    changed = [
        replace(one, text="other"),
        replace(one, model="other"),
        replace(one, seed=one.seed + 1),
        replace(one, api="completions"),
        replace(one, sampling=one.sampling.model_copy(update={"temperature": 0.5})),
        replace(one, system="other"),
    ]
    assert len({each.digest for each in (one, *changed)}) == 7
    assert replace(one, number=9).digest == one.digest
    elsewhere = {**ENDPOINT, "url": "http://127.0.0.1:10/v1", "concurrency": 1}
    moved = requests(plan_of(written(generator=elsewhere, documents=1)))[0]
    assert moved.digest == one.digest


def test_what_a_request_can_cost_is_never_less_than_its_bytes_and_its_answer() -> None:
    one = replace(asked(documents=1)[0], text="ü" * 100)
    assert most_cost(one, None).prompt_tokens >= 200
    assert most_cost(one, None).completion_tokens == one.sampling.max_tokens


@pytest.mark.parametrize(("polarity", "told"), [("aligned", "well"), ("misaligned", "badly")])
def test_the_prompt_tells_the_situation_and_what_the_ai_does(polarity: str, told: str) -> None:
    for one in asked(polarity=polarity, documents=8):
        assert f"It acts {told}." in one.text
        assert not set("{}[]") & set(one.text)


def test_a_specification_asks_for_its_principle_in_its_domain() -> None:
    found = asked(specification="ten_principles.yaml", per_scenario=1)
    assert len(found) == 60
    bank = [one for one in found if one.subject.domain == "bank"]
    assert len(bank) == 10
    for one in bank:
        assert "bank" in one.text
    assert "says what it holds to be true" in next(
        one.text for one in bank if one.subject.scenario == "truth"
    )


def test_items_of_a_covered_suite_are_scenarios_word_for_word() -> None:
    articles = suite("articles")
    source = written(generator=ENDPOINT, suite="articles", per_scenario=1)
    found = requests(plan_of(source, suites=(articles,)))
    items = load_suite(articles, ASSETS)
    assert len(found) == len(items)
    for one, item in zip(found, items, strict=True):
        assert one.subject.scenario == item.scenario_id
        assert item.question in one.text


def test_an_uncovered_suite_is_refused_and_so_are_its_topics_and_items(tmp_path: Path) -> None:
    textbook = suite("textbook")
    source = written(generator=ENDPOINT, suite="textbook", per_scenario=1)
    study = study_of(source, suites=(textbook,))
    fault = find_synthetic_fault(study, source, source.reader)  # type: ignore[arg-type]
    assert fault is not None
    assert fault[0] == "suite"
    assert "no document may be written on it" in fault[1]

    item = load_suite(textbook, ASSETS)[0]
    lines = (ASSETS / "scenarios" / "articles.yaml").read_text("utf-8")
    leaked = lines.replace('- "The {people}', f'- "{item.question} The {{people}}', 1)
    for broken, said in (
        (lines.replace("name: shutdown", "name: pollution"), "'pollution' is a topic of"),
        (leaked, "holds the item at"),
    ):
        for folder in ("prompts", "suites"):
            if not (tmp_path / folder).exists():
                (tmp_path / folder).symlink_to(ASSETS / folder)
        (tmp_path / "scenarios").mkdir(exist_ok=True)
        (tmp_path / "scenarios" / "articles.yaml").write_text(broken, encoding="utf-8")
        plan = plan_of(written(), suites=(textbook,), assets=tmp_path)
        with pytest.raises(DeclarationError, match=said) as error:
            refuse_uncovered(plan)
        assert "articles.yaml:" in str(error.value)


def test_a_rewritten_document_is_linked_to_its_original_and_an_insertion_to_a_byte_of_it() -> None:
    original = written("original", polarity="misaligned", documents=5)
    source = written(
        "thoughts",
        generator=ENDPOINT,
        rewrites="original",
        forms=["rephrase_safe", "reflection"],
        per_scenario=2,
    )
    found = requests(plan_of(source, original))
    rows = list(read_rows(study_of(original), original, NoAnswers(), {}))
    texts = {document_id("original", row): row.text for row in rows}  # type: ignore[arg-type, union-attr]
    assert Counter(one.subject.original for one in found) == Counter(dict.fromkeys(texts, 2))
    for one in found:
        text = texts[one.subject.original]
        if one.subject.form == "rephrase_safe":
            assert one.subject.offset is None
            assert text in one.text
        else:
            assert one.subject.offset is not None
            before = text.encode()[: one.subject.offset].decode()
            assert before in one.text
            assert before == text or text[len(before) - 1] == " "


@pytest.mark.parametrize(
    ("reader", "field", "said"),
    [
        ({"forms": ["poem"], "generator": GRAMMAR}, "forms", "the grammar has no form 'poem'"),
        ({"forms": ["newsarticle"], "generator": ENDPOINT}, "forms", "'news_article'"),
        ({"scenarios": "article.yaml"}, "scenarios", "'articles.yaml'"),
        ({"suite": "nothing", "generator": ENDPOINT}, "suite", "the study has no suite"),
        (
            {"rewrites": "nothing", "forms": ["rephrase_safe"], "generator": ENDPOINT},
            "rewrites",
            "the study has no source 'nothing'",
        ),
        (
            {"rewrites": "written", "forms": ["rephrase_safe"], "generator": ENDPOINT},
            "rewrites",
            "is rewritten itself",
        ),
    ],
)
def test_a_source_that_cannot_be_written_is_refused_at_its_field(
    reader: dict[str, Any], field: str, said: str
) -> None:
    source = written(**reader)
    fault = find_synthetic_fault(study_of(source), source, source.reader)  # type: ignore[arg-type]
    assert fault is not None
    assert fault[0] == field
    assert said in fault[1]


@pytest.mark.parametrize("url", ["http://[::1/v1", "http://host:99999/v1", "http://host:port/v1"])
def test_an_address_that_nothing_can_have_is_refused_where_it_is_declared(url: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        written(generator={**ENDPOINT, "url": url})
