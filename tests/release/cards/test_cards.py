"""Cards: valid in the formats of others, equal to the ledgers, and safe with hostile text."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from huggingface_hub import DatasetCard, ModelCard

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.release.approval import approve
from alignment_dagster.release.cards.bom import bom, check_bom
from alignment_dagster.release.cards.croissant import check_croissant, croissant
from alignment_dagster.release.cards.dataset import dataset_card
from alignment_dagster.release.cards.facts import Facts, gather_facts
from alignment_dagster.release.cards.model import model_card
from alignment_dagster.report.results import read_results
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow

HOSTILE = (
    "---\n---\nlicense: mit\n# <script>alert(1)</script> [x](javascript:x) ![i](http://e.example) "
    "| `code` **b** \x1b[31m \u202e {{x}} \"quoted\" 'single': yes #no www.e.example a@b.example"
)


@pytest.fixture(scope="session")
def facts(opened: OpenedReport) -> Facts:
    return gather_facts(opened)


@pytest.fixture(scope="session")
def folder(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cards") / "cards"
    done = audited.command("audit", "card", NAME, str(place))
    assert done.returncode == 0, done.stderr
    assert all(Path(line).is_file() for line in done.stdout.split())
    return place


def front(text: str) -> dict[str, Any]:
    _, block, _ = text.split("---\n", 2)
    return dict(yaml.safe_load(block))


def test_a_model_card_has_the_numbers_of_the_results(folder: Path, opened: OpenedReport) -> None:
    results = read_results(opened.report.path / "results.json")
    for recipe in ("unfiltered", "aligned"):
        card = ModelCard.load(folder / "model" / recipe / "README.md")
        found = {
            (one.dataset_name, one.metric_type, one.metric_args["stage"], one.dataset_config): (
                one.metric_value, one.metric_args["ci_low"], one.metric_args["ci_high"],
                one.metric_args["n"],
            )
            for one in card.data.eval_results
        }  # fmt: skip
        expected = {
            (row.suite, row.metric, row.stage, _config(row.metric, row.prompt)): (
                row.value, row.ci_low, row.ci_high, row.n,
            )
            for row in results
            if row.recipe == recipe and row.seed is None and "@" not in row.stage
        }  # fmt: skip
        assert expected
        assert found == expected


def _config(metric: str, prompt: str) -> str:
    return f"attack-{prompt}" if metric == "attack_success" else prompt


def test_the_tables_of_a_model_card_have_every_number_with_its_interval(
    folder: Path, opened: OpenedReport
) -> None:
    text = (folder / "model" / "aligned" / "README.md").read_text()
    for row in read_results(opened.report.path / "results.json"):
        if row.recipe == "aligned" and row.seed is None:
            line = (
                f"| `{row.suite}` | `{row.prompt}` | `{row.metric}` | `{row.stage}` | "
                f"{row.value:,.4g} | {row.ci_low:,.4g} to {row.ci_high:,.4g} |"
            )
            assert line in text
    for claim in ("supported", "undecided"):
        assert f"| {claim} |" in text
    assert opened.report.digest in text
    assert opened.report.provenance.git["commit"] in text


def test_a_model_card_counts_what_each_rule_dropped(folder: Path, opened: OpenedReport) -> None:
    text = (folder / "model" / "unfiltered" / "README.md").read_text()
    sql = (
        "select rule, count(*) as n, sum(characters)::bigint as c from dispositions "
        "where recipe = 'unfiltered' and state = 'dropped' group by rule"
    )
    dropped = fetch_rows(opened.ledgers, sql)
    assert {row["rule"] for row in dropped} == {"held_out", "not_selected"}
    for row in dropped:
        assert f"| dropped | `{row['rule']}` | {row['n']:,} | {row['c']:,} |" in text


def test_the_dataset_card_describes_the_files_as_they_are(folder: Path, audited: Audited) -> None:
    import pyarrow.parquet as pq

    card = DatasetCard.load(folder / "dataset" / "README.md")
    data = card.data.to_dict()
    assert data["license"] == ["cc0-1.0"]
    assert data["size_categories"] == ["n<1K"]
    described = {one["config_name"]: one for one in data["dataset_info"]}
    assert len(described) == len(data["configs"]) >= 12
    for config in data["configs"]:
        (file,) = config["data_files"]
        table = pq.read_table(audited.lake / file["path"])
        told = described[config["config_name"]]
        assert [one["name"] for one in told["features"]] == table.column_names
        assert told["splits"][0]["num_examples"] == table.num_rows


def test_croissant_is_valid_and_its_records_can_be_read_from_a_copy(
    folder: Path, audited: Audited, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(audited.lake, copy)
    shutil.copy(folder / "croissant.json", copy)
    dataset = mlcroissant.Dataset(jsonld=copy / "croissant.json")
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    assert json.loads((folder / "croissant.json").read_text())["conformsTo"].endswith("/1.1")
    records = list(dataset.records("source-stories-records"))
    assert len(records) == 150
    first = records[0]
    assert first["source-stories-records/source"] == b"stories"
    assert first["source-stories-records/line"] == 1
    for record_set in dataset.metadata.record_sets:
        assert next(iter(dataset.records(record_set.uuid)))


def test_croissant_names_the_bytes_of_every_file(folder: Path, audited: Audited) -> None:
    from alignment_dagster.foundation.digests import sha256_file

    files = json.loads((folder / "croissant.json").read_text())["distribution"]
    assert len(files) >= 12
    for file in files:
        assert sha256_file(audited.lake / file["contentUrl"]) == file["sha256"]


def test_the_bom_is_valid_and_names_every_checkpoint_source_and_package(
    folder: Path, opened: OpenedReport
) -> None:
    text = (folder / "bom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    content = json.loads(text)
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for one in content["components"]:
        by_kind.setdefault(one["type"], []).append(one)
    models = by_kind["machine-learning-model"]
    assert len(models) == 12
    refs = {one["bom-ref"] for one in content["components"]}
    assert len(refs) == len(content["components"])
    assert {name for one in content["dependencies"] for name in one["dependsOn"]} <= refs
    for one in models:
        assert {data["ref"] for data in one["modelCard"]["modelParameters"]["datasets"]} <= refs
    stories = next(one for one in by_kind["data"] if one["name"] == "stories")
    assert stories["licenses"] == [{"license": {"id": "CC0-1.0"}}]
    packages = {one["name"]: one["version"] for one in by_kind["library"]}
    recorded = opened.report.provenance.environment
    assert packages["torch"] == recorded["torch"]
    assert packages["duckdb"] == recorded["duckdb"]


def test_the_bom_has_the_numbers_of_the_results(folder: Path, opened: OpenedReport) -> None:
    content = json.loads((folder / "bom.cdx.json").read_text())
    told = {
        (one["name"], metric["type"], metric["slice"]): (
            float(metric["value"]), float(metric["confidenceInterval"]["lowerBound"]),
            float(metric["confidenceInterval"]["upperBound"]),
        )
        for one in content["components"]
        if one["type"] == "machine-learning-model"
        for metric in one["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    }  # fmt: skip
    expected = 0
    for row in read_results(opened.report.path / "results.json"):
        if row.seed is not None and "@" not in row.stage:
            name = f"{NAME}/{row.recipe}/seed-{row.seed}/{row.stage}"
            at = f"{row.suite}, prompt {row.prompt}, seed {row.seed}, n {row.n}"
            assert told[name, row.metric, at] == (row.value, row.ci_low, row.ci_high)
            expected += 1
    assert expected > 30


def test_a_card_names_no_conversations_that_its_models_did_not_read(facts: Facts) -> None:
    chat = next(one for one in facts.sources if one.declared["role"] == "chat")
    other = replace(chat, declared={**chat.declared, "name": "chat_of_others"})
    text = model_card(replace(facts, sources=[*facts.sources, other]), "aligned")
    assert f"| `{chat.name}` |" in text
    assert "chat_of_others" not in text


def test_equal_reports_give_equal_cards(facts: Facts, folder: Path) -> None:
    assert json.loads((folder / "bom.cdx.json").read_text()) == bom(facts)
    assert (folder / "dataset" / "README.md").read_text() == dataset_card(facts)


@pytest.fixture
def hostile(facts: Facts) -> Facts:
    sources = [
        replace(one, declared={**one.declared, "description": HOSTILE, "licence": HOSTILE})
        for one in facts.sources
    ]
    mixes = [replace(one, recipe={**one.recipe, "description": HOSTILE}) for one in facts.mixes]
    declared = {**facts.declared, "description": HOSTILE, "limits": [HOSTILE]}
    declared["suites"] = [{**one, "description": HOSTILE} for one in declared["suites"]]
    declared["canaries"] = [{"name": HOSTILE, "source": HOSTILE}]
    provenance = facts.report.provenance.model_copy(update={"declared": declared})
    report = replace(facts.report, provenance=provenance)
    claims = [{**one, "statement": HOSTILE} for one in facts.findings["claims"]]
    findings = {**facts.findings, "claims": claims}
    return replace(facts, sources=sources, mixes=mixes, report=report, findings=findings)


def test_hostile_text_stays_text_on_the_cards(hostile: Facts) -> None:
    for text in (model_card(hostile, "aligned"), dataset_card(hostile)):
        block = front(text)
        assert block["tags"][:2] == ["alignment-dagster", NAME]
        assert block["license"] in ("unknown", ["other"])
        assert text.count("\n---\n") == 1
        body = text.split("\n---\n", 1)[1]
        assert "alert" in body
        for forbidden in ("<script", "](", "![", "http://", "\x1b", "\u202e", "www.", "a@b"):
            assert forbidden not in body
        assert all("license: mit" not in line[:12] for line in body.splitlines())


def test_hostile_text_leaves_the_metadata_valid(hostile: Facts) -> None:
    jsonld, parts = croissant(hostile), bom(hostile)
    check_croissant(jsonld)
    check_bom(parts)
    assert parts["components"][0]["modelCard"]["considerations"]["technicalLimitations"]
    assert "\x1b" not in json.dumps(jsonld, ensure_ascii=False)
    assert "\u202e" not in json.dumps(parts, ensure_ascii=False)


def test_metadata_that_is_not_valid_is_not_written(facts: Facts) -> None:
    jsonld, parts = croissant(facts), bom(facts)
    jsonld["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "absent"
    with pytest.raises(ArtifactError, match=r"croissant\.json is not valid"):
        check_croissant(jsonld)
    parts["components"][0]["type"] = "robot"
    with pytest.raises(ArtifactError, match=r"bom\.cdx\.json is not valid"):
        check_bom(parts)


def test_a_review_stands_on_the_cards(altered: Audited, tmp_path: Path) -> None:
    archive = altered.archive
    approve(archive, archive.report(), "ann", "rejected", "Too <b>weak</b>.", None)
    done = altered.command("audit", "card", NAME, str(tmp_path / "cards"))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "cards" / "model" / "aligned" / "README.md").read_text()
    assert "rejected by ann" in text
    assert "Too &lt;b&gt;weak&lt;/b&gt;." in text
    assert "rejected by ann" in (tmp_path / "cards" / "bom.cdx.json").read_text()


def test_nothing_is_written_from_altered_data_or_into_a_full_folder(
    altered: Audited, tmp_path: Path
) -> None:
    path = altered.archive.find("curated_mix[aligned]").path / "sequences.npy"
    path.write_bytes(path.read_bytes() + b"\0")
    done = altered.command("audit", "card", NAME, str(tmp_path / "cards"))
    assert done.returncode == 2
    assert "sequences.npy was changed" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*cards*"))
    full = altered.command("audit", "card", NAME, str(altered.folder))
    assert full.returncode == 2
    assert "is not empty" in full.stderr


def test_without_the_extra_the_command_names_it(
    opened: OpenedReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from alignment_dagster.foundation.errors import AlignmentError
    from alignment_dagster.release.cards.write import write_cards

    monkeypatch.setitem(sys.modules, "mlcroissant", None)
    with pytest.raises(AlignmentError, match=r"alignment-dagster\[card\]"):
        write_cards(opened, tmp_path / "cards")
    assert not (tmp_path / "cards").exists()
