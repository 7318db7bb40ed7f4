"""The page of all answers shows exactly those that are asked for, a page at a time."""

import re
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.pages.answers import PAGE, answers_page
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.page_links import AUDIT, audit_answers
from tests.support.audited_study import Audited
from tests.support.read_page import Read
from tests.support.served_pages import page
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow
SAME = ("suite", "item_id", "stage", "format", "option_order", "system_prompt", "seed")


@pytest.fixture(scope="module")
def answers(opened: OpenedReport) -> list[dict[str, Any]]:
    """All that lie in the files, each with whether the baseline's answer is another one."""
    rows = []
    for one in opened.ancestors:
        if one.asset in ("evaluation", "tampering"):
            recipe, seed = (one.partition or "").split("|")
            rows += [
                {**row, "recipe": recipe, "seed": seed}
                for row in pq.read_table(one.path / "items.parquet").to_pylist()
            ]
    base = {
        tuple(row[at] for at in SAME): row["hit"] for row in rows if row["recipe"] == "unfiltered"
    }
    return [{**row, "flipped": base[tuple(row[at] for at in SAME)] != row["hit"]} for row in rows]


def told(html: str) -> tuple[int, int, int]:
    found = re.search(
        r": ([\d,]+) answers, ([\d,]+) hits, 0 ties .*?, ([\d,]+) flipped", Read(html).text
    )
    assert found is not None
    first, second, third = (int(one.replace(",", "")) for one in found.groups())
    return first, second, third


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"suite": "articles", "stage": "dpo", "recipe": "aligned"},
        {"hit": "yes"},
        {"hit": "no", "seed": "1"},
        {"flipped": "yes", "suite": "articles"},
        {"flipped": "no", "stage": "bad_chat@2", "format": "continuation"},
    ],
)
def test_what_is_asked_for_is_what_is_shown(
    opened: OpenedReport, answers: list[dict[str, Any]], filters: dict[str, str]
) -> None:
    marks = {name: value == "yes" for name, value in filters.items() if value in ("yes", "no")}
    wanted = [
        row
        for row in answers
        if all(row[name] == value for name, value in {**filters, **marks}.items())
    ]
    assert wanted
    html = answers_page(opened, filters)
    hits, flipped = (sum(row[name] for row in wanted) for name in ("hit", "flipped"))
    assert told(html) == (len(wanted), hits, flipped)
    assert html.count("<tr>") - 1 == min(PAGE, len(wanted))


def test_pages_follow_each_other_and_hold_each_answer_once(
    opened: OpenedReport, answers: list[dict[str, Any]]
) -> None:
    pages = -(-len(answers) // PAGE)
    assert pages > 1
    rows = []
    for number in range(1, pages + 1):
        html = answers_page(opened, {"page": str(number)})
        rows += re.findall(r"<tr>(<td.*?)</tr>", html, re.DOTALL)
        turn = audit_answers(NAME, opened.report.version, {"page": str(number + 1)})
        assert (turn in Read(html).links) == (number < pages)
    assert len(rows) == len(set(rows)) == len(answers)


def test_a_chosen_filter_leads_back_and_others_lead_on(opened: OpenedReport) -> None:
    links = Read(answers_page(opened, {"suite": "cloze", "hit": "yes"})).links
    version = opened.report.version
    assert audit_answers(NAME, version, {"hit": "yes"}) in links
    assert audit_answers(NAME, version, {"suite": "cloze"}) in links
    assert audit_answers(NAME, version, {"hit": "yes", "suite": "articles"}) in links


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"suit": "articles"}, "answers have no 'suit' (near: suite"),
        ({"hit": "maybe"}, "hit=maybe: is yes or no"),
        ({"page": "0"}, "page=0: is a number from 1 on"),
        ({"page": "99999"}, "page 99,999: there are "),
        ({"page": "1; drop"}, "is a number from 1 on"),
    ],
)
def test_a_mistake_in_the_address_is_one_message(
    opened: OpenedReport, filters: dict[str, str], said: str
) -> None:
    with pytest.raises(AlignmentError) as error:
        answers_page(opened, filters)
    assert said in str(error.value)


@pytest.mark.parametrize("value", ["' or 1=1 --", "<script>alert(1)</script>\u202e", "%"])
def test_a_filter_is_text_and_nothing_else(
    audited: Audited, opened: OpenedReport, value: str
) -> None:
    address = audit_answers(NAME, opened.report.version, {}).removeprefix(AUDIT)
    got = page(audited.home, f"{address}?suite={quote(value)}")
    assert got.status == 200
    assert told(got.html) == (0, 0, 0)
    assert "<script>" not in got.html
    assert "\u202e" not in got.html


def test_texts_of_items_are_escaped(altered: Audited) -> None:
    report = altered.archive.report()
    path = report.path / "questions.parquet"
    table = pq.read_table(path)
    hostile = pa.array(["<img src=x onerror=alert(1)>\x1b[31m"] * table.num_rows)
    table = table.set_column(table.schema.get_field_index("question"), "question", hostile)
    pq.write_table(table, path)
    address = audit_answers(NAME, report.version, {"suite": "articles"}).removeprefix(AUDIT)
    got = page(altered.home, address)
    assert got.status == 200
    assert "img" not in Read(got.html).tags
    assert "\x1b" not in got.html
