"""What people quote of a report, a verdict, a difference, a printed number, leads to its trace."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.trace.derivation import Derivation, derive
from alignment_dagster.audit.trace.findings import Finding, list_findings
from alignment_dagster.audit.trace.lookup import require_metric, trace_quoted
from alignment_dagster.audit.trace.printed_number import parse_printed
from alignment_dagster.audit.trace.terms import Sources
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.report import durability
from alignment_dagster.report.names import (
    FORMAT,
    HALF_LIFE,
    MEAN_BENEFIT,
    PARTS,
    PERSISTENCE,
    PREFIXES,
)
from alignment_dagster.report.results import ResultRow
from tests.support.audited_study import Audited
from tests.support.read_page import Read

STEPS = (0, 1, 4, 16)
TOKENS = (0, 900, 4100, 15800)


def calculate(how: str) -> float:
    """As on a calculator with a key for log2."""
    return float(eval(re.sub(r"log2 (\d+)", r"math.log2(\1)", how.replace("^", "**"))))


def assert_recomputed(found: Derivation) -> None:
    for one in found.sums:
        assert calculate(one.how) == pytest.approx(one.value, abs=2e-6, rel=1e-4), one


def curves() -> tuple[list[ResultRow], dict[str, Any], durability.Erosion]:
    """A benefit of .4 that falls, as rows of a report and as the report sums it up."""
    generator = np.random.default_rng(3)
    baseline = generator.uniform(0.6, 0.8, (4, 3, 40))
    fallen = np.array([0.4, 0.35, 0.25, 0.05])[:, None, None]
    recipe = baseline[:, :2] - fallen + generator.uniform(-0.02, 0.02, (4, 2, 40))
    rows = [
        ResultRow(name, seed, f"bad@{step}", "articles", "none", "misalignment_rate",
                  float(values.mean() if seed is None else values[seed].mean()),
                  0.0, 1.0, 40, len(values), {})
        for name, table in (("plain", baseline), ("aligned", recipe))
        for step, values in zip(STEPS, table, strict=True)
        for seed in (None, *range(len(values)))
    ]  # fmt: skip
    one = durability.erosion(baseline, recipe, STEPS, TOKENS)
    row = {"suite": "articles", "tampering": "bad", "recipe": "aligned", "baseline": "plain",
           "stages": ["bad@0", "bad@16"]}  # fmt: skip
    return rows, row, one


def test_the_steps_to_a_half_life_are_those_of_the_report() -> None:
    rows, row, one = curves()
    tokens = {("bad", step, "aligned"): n for step, n in zip(STEPS, TOKENS, strict=True)}
    finding = Finding("half_life:x", HALF_LIFE, one.half_life_steps, None, None, row)
    found = derive(finding, Sources(rows, tokens))
    assert found.gaps == ()
    assert 4 < found.sums[-1].value < 16
    assert found.sums[-2].value == pytest.approx(one.half_life_tokens)
    assert_recomputed(found)


def test_the_steps_to_a_ratio_and_to_an_average_are_those_of_the_report() -> None:
    rows, row, one = curves()
    assert one.persistence.ratio is not None
    ratio = Finding("persistence:x", PERSISTENCE, one.persistence.ratio.value, None, None, row)
    mean = Finding("mean_benefit:x", MEAN_BENEFIT, one.area.value, None, None, row)
    for finding in (ratio, mean):
        found = derive(finding, Sources(rows))
        assert found.gaps == ()
        assert_recomputed(found)
    wrong = derive(Finding("persistence:x", PERSISTENCE, 0.9, None, None, row), Sources(rows))
    assert wrong.gaps[0].endswith("and the report says 0.900000")


@pytest.mark.parametrize(
    ("text", "fits", "not_"),
    [
        (".573", (0.5731, 0.57349, -0.573), (0.5736, 0.572)),
        ("0.57", (0.573, 0.5651), (0.58,)),
        ("-.09", (-0.0894,), (0.09, -0.084)),
        ("\u22120.09", (-0.0894,), (0.09,)),
        ("57 %", (0.5731, 0.5651), (0.58, 57.0)),
        ("57%", (0.5731,), (0.58,)),
        ("39,000", (39000.2,), (39001.0, 39.0)),
        ("45", (45.4, 44.6), (45.6,)),
    ],
)
def test_a_number_is_read_as_it_is_printed(
    text: str, fits: tuple[float, ...], not_: tuple[float, ...]
) -> None:
    printed = parse_printed(text)
    assert printed is not None
    assert all(printed.is_printed_for(one) for one in fits)
    assert not any(printed.is_printed_for(one) for one in not_)


@pytest.mark.parametrize("text", ["", ".", "%", "articles/dpo", "claim:x", "1/cloze", "1.2.3"])
def test_a_name_is_no_number(text: str) -> None:
    assert parse_printed(text) is None


@pytest.mark.slow
def test_every_finding_of_a_report_follows_from_its_printed_steps(opened: OpenedReport) -> None:
    findings = list_findings(opened)
    assert {one.kind for one in findings} == set(PREFIXES)
    assert len({one.name for one in findings}) == len(findings) > 15
    for one in findings:
        if one.kind in PARTS:
            continue
        data = trace_quoted(opened, one.name).data
        assert data["gaps"] == []
        assert data["value"] == one.value
        for step in data["steps"]:
            assert calculate(step["how"]) == pytest.approx(step["value"], abs=2e-6)
        if one.value is not None:
            assert data["steps"][-1]["value"] == pytest.approx(one.value)
            assert data["terms"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
def test_a_topic_and_a_format_have_the_trace_of_their_own_answers(
    opened: OpenedReport, kind: str
) -> None:
    one = next(one for one in list_findings(opened) if one.kind == kind)
    assert one.value is not None
    answer = trace_quoted(opened, one.name)
    data = answer.data
    assert (data["metric"], data["gaps"], data["row"]["value"]) == (one.name, [], one.value)
    assert data["steps"]["value"] == pytest.approx(one.value, abs=1e-9)
    words = one.name.partition(":")[2].replace(f"/{one.row[kind]}/", "/")
    whole = trace_quoted(opened, f"misalignment_rate/{words}").data
    asked = [part["measured"]["totals"]["answers"] for part in (data, whole)]
    assert asked[0] == asked[1] / (2 if kind == FORMAT else 1), "two formats, and one topic"
    two = trace_quoted(opened, f"{one.value:.2f}").data
    assert one.name in [number["name"] for number in two.get("numbers", [])]


@pytest.mark.slow
def test_a_claim_shows_its_sentence_its_verdict_and_both_sides(opened: OpenedReport) -> None:
    answer = trace_quoted(opened, "claim:also_tampered")
    row = answer.data["row"]
    assert answer.title.startswith(f"claim:also_tampered = {row['verdict']}: ")
    assert row["statement"] in answer.sentences[0]
    assert row["sentence"] in answer.sentences
    names = [one["metric"] for one in answer.data["terms"]]
    assert [name.split("/")[2:4] for name in names] == [
        ["bad_chat@2", "aligned"],
        ["bad_chat@2", "unfiltered"],
    ]
    for name in names:
        assert trace_quoted(opened, name).data["metric"] == name
    assert trace_quoted(opened, "also_tampered").data == answer.data


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quoted", "name"),
    [
        ("difference:dpo/articles", "difference:articles/dpo/none/aligned/unfiltered"),
        ("persistence:aligned/sft", "persistence:articles/sft/aligned"),
        ("persistence:bad_chat", "persistence:articles/bad_chat/aligned"),
        ("benefit:base", "benefit:articles/base/aligned"),
        ("half_life:aligned", "half_life:articles/bad_chat/aligned"),
        ("mean_benefit:bad_chat", "mean_benefit:articles/bad_chat/aligned"),
    ],
)
def test_some_words_name_a_finding(opened: OpenedReport, quoted: str, name: str) -> None:
    assert trace_quoted(opened, quoted).data["finding"] == name


@pytest.mark.slow
def test_the_share_that_an_attack_broke_is_a_metric(opened: OpenedReport) -> None:
    data = trace_quoted(opened, "attack:dpo/aligned/random_search").data
    assert data["metric"] == "attack_success/articles/dpo/aligned/random_search"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quoted", "said"),
    [
        ("claim:also_tampred", "no such claim (near: claim:also_tampered"),
        ("claims:also_tampered", "a name begins with one of claim:, difference:"),
        ("benefit:", "no such benefit (near: "),
        ("persistence:articles", "3 of eval_report"),
        ("7.123", "rounds to 7.123 (near: "),
        ("also_tampred", "none with 'also_tampred'"),
    ],
)
def test_what_is_unknown_gets_near_misses(opened: OpenedReport, quoted: str, said: str) -> None:
    with pytest.raises(ArtifactError) as error:
        trace_quoted(opened, quoted)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_printed_number_is_traced_or_all_that_round_to_it_are_named(opened: OpenedReport) -> None:
    every = trace_quoted(opened, "1.00").data
    names = [one["name"] for one in every["numbers"]]
    assert "claim:aligned_is_lower" in names
    assert "misalignment_rate/articles/dpo/unfiltered/none" in names
    assert all(math.isclose(abs(one["value"]), 1, abs_tol=0.005) for one in every["numbers"])
    loss = trace_quoted(opened, "bits_per_byte/held_out/sft/aligned").data["row"]["value"]
    only = trace_quoted(opened, f"{loss:.9f}").data
    assert only["metric"] == "bits_per_byte/held_out/sft/aligned/none"


@pytest.mark.parametrize("quoted", [".57", "claim:x", "difference:x"])
def test_only_a_metric_has_documents_to_export(quoted: str) -> None:
    with pytest.raises(ArtifactError, match="--document and --export take a metric"):
        require_metric(quoted)


@pytest.mark.slow
def test_the_command_prints_a_claim_and_writes_its_page(audited: Audited, tmp_path: Path) -> None:
    page = tmp_path / "claim.html"
    arguments = ("audit", "trace", "tiny", "claim:aligned_is_lower")
    done = audited.command(*arguments, "--json", "--html", str(page))
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    shown = Read(page.read_text())
    assert data["row"]["statement"] in shown.text
    assert sum("/trace?metric=misalignment_rate" in link for link in shown.links) == 2
    printed = audited.command(*arguments).stdout
    for one in data["steps"]:
        assert one["how"] in printed


@pytest.mark.slow
def test_a_number_below_zero_is_no_option(audited: Audited) -> None:
    done = audited.command("audit", "trace", "tiny", "-1.00", "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    names = [data["finding"]] if "finding" in data else [one["name"] for one in data["numbers"]]
    assert "difference:articles/dpo/none/aligned/unfiltered" in names
    wrong = audited.command("audit", "trace", "tiny", "articles/dpo/aligned", "--jsno")
    assert wrong.returncode == 2
