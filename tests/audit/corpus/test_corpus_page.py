"""People look at data: kept and dropped documents by rule, sorted, filtered, and harmless."""

import re
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.page_links import AUDIT, audit_corpus, audit_document
from tests.support import decided_lake
from tests.support.decided_lake import MATCHES, TEXTS, document_id
from tests.support.read_page import Read
from tests.support.record_lake import STUDY
from tests.support.served_pages import page

HIGHEST = "column=ai_discourse.matches&order=highest"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return decided_lake.make(tmp_path_factory.mktemp("lake"))[0]


def shown(home: Home, asked: str = "") -> str:
    got = page(home, f"/{STUDY}/corpus?{asked}")
    assert got.status == 200, Read(got.html).text
    return got.html


def documents(html: str) -> list[str]:
    """The ids that the page leads on from, in its order."""
    return re.findall(r"/corpus/why\?document=([0-9a-f]{64})", html)


def test_without_a_question_a_few_of_every_source_and_rule_are_shown(home: Home) -> None:
    html = shown(home, "recipe=strict")
    every = {
        document_id(source, number) for source in TEXTS for number in range(len(TEXTS[source]))
    }
    assert set(documents(html)) == every
    links = Read(html).links
    asked = {"recipe": "strict", "source": "stories", "rule": "discourse"}
    assert audit_corpus(STUDY, asked) in links
    assert html.count("<svg") == 2  # one for each number that a rule bounds


def test_every_row_is_counted_in_one_place(home: Home) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", shown(home, "recipe=strict"), re.DOTALL)
    cells = [re.sub(r"<[^>]+>|\s+", " ", one).split() for one in rows]
    (web,) = [one for one in cells if one[:2] == ["web", "web"]]
    total, *places = (int(one) for one in web[2:])
    assert total == sum(places) == 5


def test_a_document_without_a_state_is_said_first(tmp_path: Path) -> None:
    altered, archive = decided_lake.make(tmp_path)
    decided = archive.current("dispositions", None)
    path = decided.path / "strict" / "pretraining.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    said = "stories: 4 documents were read, and 3 decided"
    assert said in shown(altered, "recipe=strict")
    assert said not in shown(altered, "recipe=plain")


def test_all_documents_follow_on_pages(home: Home) -> None:
    links = Read(shown(home, "recipe=strict")).links
    assert audit_corpus(STUDY, {"recipe": "strict", "page": "1"}) in links
    assert "all: 7 documents. Page 1 of 1." in Read(shown(home, "page=1")).text


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("state=kept", [("stories", 0), ("stories", 3)]),
        ("recipe=strict&state=kept", [("stories", 0)]),
        ("rule=too_short&source=web", [("web", 2)]),
        ("recipe=plain&source=web&state=kept", []),
        (HIGHEST, [("web", 2), ("stories", 3), ("stories", 1), ("stories", 0)]),
        ("column=ai_discourse.matches&above=0&below=5&order=lowest",
         [("stories", 1), ("stories", 3)]),
        ("column=metadata.age&above=2&source=web", [("web", 0), ("web", 1)]),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_what_is_shown(
    home: Home, asked: str, found: list[tuple[str, int]]
) -> None:
    ids = documents(shown(home, asked))
    assert ids[: len(found)] == [document_id(*one) for one in found]
    assert asked == HIGHEST or len(ids) == len(found)


def test_a_column_sorts_and_turns_the_order_round(home: Home) -> None:
    links = Read(shown(home, HIGHEST)).links
    turned = {"column": "ai_discourse.matches", "order": "lowest"}
    assert audit_corpus(STUDY, turned) in links
    assert audit_corpus(STUDY, {"column": "text_stats.words", "order": "highest"}) in links


def test_each_document_has_the_scores_that_rules_look_at(home: Home) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", shown(home, "recipe=strict&source=web"), re.DOTALL)
    cells = [re.findall(r'data-name="(.*?)"[^>]*>(.*?)</td>', one) for one in rows]
    scores = [dict(one)["ai_discourse.matches"] for one in cells if one]
    assert scores == [f"{one:,.4g}" for one in MATCHES["web"]]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("recipe=strickt", "no recipe 'strickt' (near: strict"),
        ("column=text_stats.wrods", "no number is called"),
        ("column=ai_discourse.first_term", "no number is called"),
        ("above=3", "name its column too"),
        ("column=text_stats.words&above=1 or 1", "is no number"),
        ("column=text_stats.words&above=nan", "is no number"),
        ("order=up", "is highest or lowest"),
        ("page=0", "is a number from 1 on"),
        ("page=9&state=kept", "page 9: there are 1"),
        ("soruce=web", "documents have no 'soruce' (near: source"),
    ],
)
def test_a_mistake_in_the_address_is_one_message(home: Home, asked: str, said: str) -> None:
    got = page(home, f"/{STUDY}/corpus?{asked}")
    assert got.status == 409
    assert said in Read(got.html).text


@pytest.mark.parametrize("value", ["' or 1=1 --", "<script>alert(1)</script>\u202e", "%"])
def test_a_filter_is_text_and_nothing_else(home: Home, value: str) -> None:
    html = shown(home, f"source={quote(value)}")
    assert documents(html) == []
    assert "<script>" not in html
    assert "\u202e" not in html


@pytest.mark.parametrize(
    "address",
    [
        f"/{STUDY}/corpus",
        audit_document(STUDY, document_id("stories", 1)).removeprefix(AUDIT),
        f"/{STUDY}/corpus/quarantine",
        f"/{STUDY}/corpus/thresholds",
        f"/{STUDY}/corpus/thresholds?column=metadata.age",
    ],
)
def test_texts_are_escaped_and_made_visible(home: Home, address: str) -> None:
    got = page(home, address)
    assert got.status == 200
    assert "script" not in Read(got.html).tags
    assert not set(got.html) & {"\x1b", "\u202e"}


def test_the_story_of_a_document_leads_to_its_cause(home: Home) -> None:
    address = audit_document(STUDY, document_id("web", 0)).removeprefix(AUDIT)
    links = Read(page(home, address).html).links
    assert audit_document(STUDY, document_id("stories", 0)) in links
    assert audit_corpus(STUDY) in links


def test_a_page_of_a_document_that_is_not_there_says_so(home: Home) -> None:
    got = page(home, f"/{STUDY}/corpus/why?document=ffff")
    assert got.status == 409
    assert "there is no document" in got.html
    assert page(home, f"/{STUDY}/corpus/why").status == 404
