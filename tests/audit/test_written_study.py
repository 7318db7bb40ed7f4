"""Of a study that was run, written documents are followed from its numbers to their prompts."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.impact.affected import TRAINED, VOCABULARY
from alignment_dagster.audit.impact.blast_radius import find_impact
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.release.cards.dataset import dataset_card
from alignment_dagster.release.cards.facts import gather_facts
from alignment_dagster.release.cards.files import data_files
from tests.support.audited_study import Audited
from tests.support.served_pages import page
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow
METRIC = "misalignment_rate/articles/dpo/aligned"


@pytest.fixture(scope="module")
def packed(opened: OpenedReport) -> dict[str, int]:
    """The written documents of the mix → their tokens."""
    mix = opened.archive.find("curated_mix[aligned]")
    rows = pq.read_table(mix.path / "documents.parquet").to_pylist()
    return {row["document_id"]: row["packed_tokens"] for row in rows if row["source"] == "written"}


def test_a_number_leads_to_the_prompts_behind_it(
    audited: Audited, opened: OpenedReport, packed: dict[str, int]
) -> None:
    done = audited.command("audit", "trace", NAME, METRIC, "--json")
    written = json.loads(done.stdout)["written"]
    assert sum(row["documents"] for row in written) == len(packed)
    assert sum(row["tokens"] for row in written) == 2 * sum(packed.values())
    told = {row["document_id"]: row for row in fetch_rows(opened.ledgers, "from written")}
    forms = {(told[one]["form"], told[one]["scenario"], told[one]["template"]) for one in packed}
    assert {(row["form"], row["scenario"], row["template"]) for row in written} == forms
    assert {(row["use"], row["generator"]) for row in written} == {("pretraining", "grammar")}
    said = audited.command("audit", "trace", NAME, METRIC).stdout
    assert f"written for the study  {len(packed)} documents" in said
    other = audited.command(
        "audit", "trace", NAME, METRIC.replace("aligned", "unfiltered"), "--json"
    )
    assert json.loads(other.stdout)["written"] == []


def test_a_document_shows_its_prompt_wherever_it_is_told_of(
    audited: Audited, packed: dict[str, int], tmp_path: Path
) -> None:
    one = min(packed)
    html = tmp_path / "trace.html"
    asked = ("audit", "trace", NAME, METRIC, "--document", one)
    (told,) = json.loads(audited.command(*asked, "--json").stdout)["written"]
    assert told["document_id"] == one
    prompt, text = told["written"]["prompt"], told["written"]["text"]
    assert audited.command(*asked, "--html", str(html)).returncode == 0
    for said in (
        audited.command(*asked).stdout,
        html.read_text(),
        audited.command("corpus", "why", NAME, one).stdout,
        page(audited.home, f"/{NAME}/corpus/why?document={one}").html,
    ):
        assert prompt in said
        assert text in said
    assert text in page(audited.home, f"/{NAME}/corpus?recipe=aligned&source=written").html


def test_withdrawing_a_form_reaches_the_models_that_read_it(
    opened: OpenedReport, packed: dict[str, int]
) -> None:
    found = find_impact(opened.archive, opened, ["prompt:fiction"])
    (mix,) = found.mixes
    told = fetch_rows(opened.ledgers, "select document_id from written where form = 'fiction'")
    ids = {row["document_id"] for row in told}
    assert found.withdrawn.count == len(ids)
    assert mix.tokens == sum(tokens for one, tokens in packed.items() if one in ids)
    hit = {(each.row.recipe, each.how) for each in found.metrics}
    assert hit == {("aligned", TRAINED), ("unfiltered", VOCABULARY)}
    assert found.plan[0].partition == "written"


def test_cards_say_who_wrote_and_from_which_template(opened: OpenedReport) -> None:
    facts = gather_facts(opened)
    card = dataset_card(facts)
    rows = fetch_rows(
        opened.ledgers, "select form, template, count(*) as n from written group by all"
    )
    lines = [line.split("|") for line in card.splitlines()]
    for row in rows:
        (line,) = (one for one in lines if any(row["template"] in cell for cell in one))
        assert [cell.strip(" `") for cell in line[1:7]][0::4] == ["written", row["form"]]
        assert line[6].strip() == str(row["n"])
    described = next(one.description for one in data_files(facts) if one.config == "source-written")
    assert "Written for the study by grammar, as fiction grammar 1, news_article" in described
