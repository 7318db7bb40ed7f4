"""Of a study that was run, written documents are followed from its numbers to their prompts."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.impact.affected import TRAINED, VOCABULARY
from alignment_dagster.audit.impact.blast_radius import find_impact
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.open_report import OpenedReport, open_report
from alignment_dagster.lineage.signing import PRIVATE, read_signer
from alignment_dagster.release.cards.bom import bom
from alignment_dagster.release.cards.dataset import dataset_card
from alignment_dagster.release.cards.facts import gather_facts
from alignment_dagster.release.cards.files import data_files
from alignment_dagster.release.dossier import verify
from alignment_dagster.release.dossier.build import build_dossier
from tests.support import tiny_study
from tests.support.audited_study import Audited
from tests.support.bundles import Dossier, Rows
from tests.support.served_pages import page
from tests.support.tiny_study import NAME
from tests.support.written_lake import WRITTEN, declare

pytestmark = pytest.mark.slow
METRIC = "misalignment_rate/articles/dpo/aligned"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """One seed, one suite; a source of it is written by the grammar."""
    folder = tmp_path_factory.mktemp("written")
    study = tiny_study.create(folder)
    declare(study, written=WRITTEN)
    sources = [*tiny_study.STUDY["sources"], "written"]
    study.change(sources=sources, seeds=[0], suites=["articles"])
    audited = Audited(folder)
    done = audited.command("run", NAME)
    assert done.returncode == 0, done.stderr
    return audited


@pytest.fixture(scope="module")
def opened(made: Audited) -> Iterator[OpenedReport]:
    with open_report(made.archive) as found:
        yield found


@pytest.fixture(scope="module")
def packed(opened: OpenedReport) -> dict[str, int]:
    """The written documents of the mix → their tokens."""
    mix = opened.archive.find("curated_mix[aligned]")
    rows = pq.read_table(mix.path / "documents.parquet").to_pylist()
    return {row["document_id"]: row["packed_tokens"] for row in rows if row["source"] == "written"}


def test_a_number_leads_to_the_prompts_behind_it(
    made: Audited, opened: OpenedReport, packed: dict[str, int]
) -> None:
    done = made.command("audit", "trace", NAME, METRIC, "--json")
    written = json.loads(done.stdout)["written"]
    assert sum(row["documents"] for row in written) == len(packed)
    assert sum(row["tokens"] for row in written) == sum(packed.values())
    told = {row["document_id"]: row for row in fetch_rows(opened.ledgers, "from written")}
    forms = {(told[one]["form"], told[one]["scenario"], told[one]["template"]) for one in packed}
    assert {(row["form"], row["scenario"], row["template"]) for row in written} == forms
    assert {(row["use"], row["generator"]) for row in written} == {("pretraining", "grammar")}
    said = made.command("audit", "trace", NAME, METRIC).stdout
    assert f"written for the study  {len(packed)} documents" in said
    other = made.command("audit", "trace", NAME, METRIC.replace("aligned", "unfiltered"), "--json")
    assert json.loads(other.stdout)["written"] == []


def test_a_document_shows_its_prompt_wherever_it_is_told_of(
    made: Audited, packed: dict[str, int], tmp_path: Path
) -> None:
    one = min(packed)
    html = tmp_path / "trace.html"
    asked = ("audit", "trace", NAME, METRIC, "--document", one)
    (told,) = json.loads(made.command(*asked, "--json").stdout)["written"]
    assert told["document_id"] == one
    prompt, text = told["written"]["prompt"], told["written"]["text"]
    assert made.command(*asked, "--html", str(html)).returncode == 0
    for said in (
        made.command(*asked).stdout,
        html.read_text(),
        made.command("corpus", "why", NAME, one).stdout,
        page(made.home, f"/{NAME}/corpus/why?document={one}").html,
    ):
        assert prompt in said
        assert text in said
    assert text in page(made.home, f"/{NAME}/corpus?recipe=aligned&source=written").html


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


@pytest.fixture(scope="module")
def dossier(made: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dossier(made.archive, None, tmp_path_factory.mktemp("dossier") / "d.zip").path


def test_the_audit_is_closed_and_the_dossier_holds(
    made: Audited, dossier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = made.command("audit", "check", NAME)
    assert done.returncode == 0, done.stdout
    assert "prompts" in done.stdout
    assert verify.main([str(dossier)]) == 0
    assert "12 documents were written from prompts that are here" in capsys.readouterr().out


def _other_prompt(rows: Rows) -> None:
    rows[0]["system"] += "."


def _no_text(rows: Rows) -> None:
    rows[0]["text"] = None


def _left_out(rows: Rows) -> None:
    rows.pop()


def _other_original(rows: Rows) -> None:
    rows[0]["original"] = "0" * 64


def _unwritten(rows: Rows) -> None:
    rows.clear()


@pytest.mark.parametrize(
    ("ledger", "change", "message"),
    [
        ("prompts", _other_prompt, "its text is another one"),
        ("prompts", _no_text, "its text is not here"),
        ("prompts", _left_out, "its prompt is not here"),
        ("written", _other_original, "was written, or rewritten, and is not listed"),
        ("written", _unwritten, "nothing says what wrote it"),
    ],
)
def test_prompts_of_a_dossier_are_checked_though_the_signer_changed_them(
    made: Audited, dossier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    ledger: str, change: Callable[[Rows], None], message: str,
) -> None:  # fmt: skip
    signer = read_signer(made.home.root / "keys" / PRIVATE)
    changed = Dossier.read(dossier).having_rows(ledger, change).signed(signer)
    assert verify.main([str(changed.write(tmp_path / "changed.zip"))]) == 1
    assert message in capsys.readouterr().out


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
    data = next(one for one in bom(facts)["components"] if one["name"] == "written")
    told = {one["name"]: one["value"] for one in data["properties"]}
    assert {told[f"alignment:written:{row['form']}:{row['template'][:16]}"] for row in rows} == {
        "grammar"
    }
    described = next(one.description for one in data_files(facts) if one.config == "source-written")
    assert "Written for the study by grammar, as fiction grammar 1, news_article" in described
