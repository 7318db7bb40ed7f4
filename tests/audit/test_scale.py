"""What trace and impact say of generated ledgers is exactly what their generator knows."""

import json
from typing import Any

import pytest

from alignment_dagster.audit.impact.answer import impact_as_answer
from alignment_dagster.audit.impact.blast_radius import find_impact
from alignment_dagster.audit.metrics import find_metric
from alignment_dagster.audit.open_report import OpenedReport, open_archive, open_report
from alignment_dagster.audit.trace.answer import trace_as_answer
from alignment_dagster.audit.trace.document_path import trace_document
from alignment_dagster.audit.trace.metric_trace import trace_metric
from alignment_dagster.foundation.home import Home
from bench import audit_scale as bench

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("scale")
    bench.generate(Home(folder), bench.Sizes(documents=1000, steps=60, answers=600))
    return Home(folder)


@pytest.fixture(scope="module")
def large(home: Home) -> Any:
    with open_report(open_archive(bench.STUDY, home)) as found:
        yield found


@pytest.fixture(scope="module")
def truth(home: Home) -> dict[str, Any]:
    return dict(json.loads((home.root / "truth.json").read_text()))


@pytest.mark.parametrize("recipe", bench.RECIPES)
@pytest.mark.parametrize("stage", bench.STAGES)
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_totals(
    large: OpenedReport, truth: dict[str, Any], recipe: str, stage: str, seed: int | None
) -> None:
    name = f"misalignment_rate/articles/{stage}/{recipe}/none"
    name = name if seed is None else f"{name}/{seed}"
    data = trace_as_answer(trace_metric(large, find_metric(large, name))).data
    seeds = [0, 1] if seed is None else [seed]
    totals, known = data["measured"]["totals"], truth["metrics"]
    assert totals["hits"] == known["hits"][name]
    assert totals["answers"] == known["answers"] * len(seeds)
    assert totals["items"] == known["items"]
    mix, made = data["mixes"][0], truth["mixes"][recipe]
    told = {row["source"]: [row["documents"], row["tokens"]] for row in mix["sources"]}
    assert told == made["sources"]
    for part in ("documents", "copies", "tokens", "sequences"):
        assert mix[part] == made[part]
    assert mix["tokens_over_seeds"] == made["tokens"] * len(seeds)
    steps = {
        one["seed"]: one["steps"] for one in data["checkpoints"] if one["stage"] == "pretraining"
    }
    assert steps == {one: truth["read"][f"{recipe}|{one}"]["steps"] for one in seeds}
    assert sum(row["documents"] for row in data["tokenizer"]["sources"]) == truth["tokenizer"]
    assert data["totals_add_up"]


def test_the_path_to_each_document(large: OpenedReport, truth: dict[str, Any]) -> None:
    row = find_metric(large, truth["metric"])
    for document, known in truth["documents"].items():
        path = trace_document(large, row, document)
        raw = path.known["raw"]
        assert f"{raw['path']}:{raw['line']}" == known["place"]
        assert raw["repeated_at"] == known["repeated_at"]
        assert path.tokenizer == known["tokenizer"]
        decided = path.known["dispositions"]
        assert [one["rule"] for one in decided] == [known["rules"]["filtered"]]
        for one in (each for each in path.read if each.ledger.stage == "pretraining"):
            read = truth["read"][f"filtered|{one.seed}"]["documents"][document]
            assert [step["step"] for step in one.steps] == read["steps"]
            sequences = sorted(each for step in one.steps for each in step["sequences"])
            assert sequences == read["sequences"]


def test_the_blast_radius_of_each_document(large: OpenedReport, truth: dict[str, Any]) -> None:
    for document, known in truth["documents"].items():
        found = find_impact(large.archive, large, [document])
        assert {one["document_id"] for one in found.raw.doubles} == set(known["doubles"])
        told = {one.checkpoint.partition: one for one in found.training}
        for partition, read in truth["read"].items():
            made = read["documents"][document]
            assert (partition in told) == bool(made["steps"])
            if made["steps"]:
                one = told[partition]
                assert one.first_step == made["steps"][0]
                assert (one.steps, one.of_steps) == (len(made["steps"]), read["steps"])
                assert one.tokens == made["tokens"]
                recipe = partition.partition("|")[0]
                assert one.share == pytest.approx(made["tokens"] / truth["mixes"][recipe]["tokens"])
        assert bool(found.tokenizers) == known["tokenizer"]


def test_a_double_would_take_the_place_of_the_first_and_holds_its_text(
    large: OpenedReport, truth: dict[str, Any]
) -> None:
    """Both ways round: the first withdrawn, and the one that was dropped because of it."""
    doubles = [
        (one, known["doubles"]) for one, known in truth["documents"].items() if known["doubles"]
    ]
    seen = set()
    for document, others in doubles:
        found = find_impact(large.archive, large, [document])
        dropped = truth["documents"][document]["rules"]["unfiltered"] == "exact_duplicate"
        seen.add(dropped)
        assert [one["takes_place"] for one in found.raw.doubles] == [not dropped]
        warning = impact_as_answer(found).warnings[0]
        assert ("take its place" in warning) == (not dropped)
        assert others[0][:16] in warning
        both = find_impact(large.archive, large, [document, *others])
        assert both.raw.doubles == []
        assert impact_as_answer(both).warnings == []
    assert seen == {True, False}


def test_a_source_takes_all_of_its_documents(large: OpenedReport, truth: dict[str, Any]) -> None:
    found = find_impact(large.archive, large, ["source:books"])
    assert found.withdrawn.count == 250
    for one in found.mixes:
        recipe = truth["mixes"][one.mix.partition]
        assert [one.documents, one.tokens] == recipe["sources"]["books"]
    rows = {row["source"]: row["rows"] for row in found.raw.files}
    assert rows == {"books": 251}
