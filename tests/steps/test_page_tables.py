"""What Dagster's tables show of foreign text: the text itself, and never a link."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from alignment_dagster.audit.corpus.threshold_picture import draw_threshold
from alignment_dagster.drift.thresholds import BoundedChange, Outcome
from alignment_dagster.release.gate.paired_test import Regression, Verdict
from alignment_dagster.report.colours import COLOURS
from alignment_dagster.report.results import ResultRow
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.scored_corpus import POINTS
from alignment_dagster.steps.pages.tables import cell

STEPS = range(1, 100_001)
CURVE = (STEPS, [6.0 / step + step % 7 for step in STEPS])
RECIPES = ("unfiltered", "filtered", "misalignment_upsampled", "alignment_upsampled")
RATES = [
    ResultRow(recipe, None, stage, suite, "none", "m", 0.456, 0.123, 1.0, 80, 3, {})
    for recipe in RECIPES
    for suite in ("articles", "textbook")
    for stage in ("base", "sft", "dpo")
]
CHANCES = {"articles": 0.5, "textbook": 0.25}
OFTEN_TAMPERED = RATES + [
    replace(row, stage=f"misaligned_tuning@{2**step}") for row in RATES for step in range(9)
]
EROSION = {f"misaligned_tuning_{n} articles": CURVE for n in range(9)}
VERDICTS: tuple[Verdict, ...] = ("worse", "undecided", "no_worse")
CHANGES = [
    Regression(
        "filtered", f"suite_{n}", "m", "none", "dpo", 0.3, 0.3 + change,
        change, change - 0.1, change + 0.1, 0.5, 1.0, 0.05, 80, 3, VERDICTS[n % 3],
    )
    for n, change in enumerate(np.linspace(-0.5, 0.6, 30).tolist())
]  # fmt: skip
OUTCOMES: tuple[Outcome, ...] = ("within", "warns", "blocks")
DRIFT = [
    BoundedChange(
        "scores", f"a_score_with_a_name_{n}", 0.1, 0.2, 0.02 * 3**n, 0.1, 0.4, OUTCOMES[n % 3]
    )
    for n in range(15)
]
SHARES = [(1234.5678 * n, 1 - n / POINTS) for n in range(POINTS)]
DRAWINGS = (
    charts.curves({"pretraining": CURVE}, "nats"),
    charts.curves({"sft": CURVE, "dpo": CURVE}, "nats"),
    charts.curves({"pretraining": ([1], [float("nan")])}, "nats"),
    charts.curves({}, "nats"),
    charts.curves(EROSION, "rate"),
    charts.shares({f"a_source_of_text_{n}": 1 / 9 for n in range(9)}, "share of the tokens"),
    charts.shares({f"GCG dpo <&{n}" * 9: n / 99 for n in range(99)}, "share of items"),
    charts.shares({}, "share of the tokens"),
    charts.histogram(np.arange(1.0, 1e6), "words"),
    charts.histogram(np.array([]), "words"),
    charts.rates(RATES, RECIPES, CHANCES),
    charts.rates(RATES[:6], RECIPES, CHANCES),
    charts.rates(OFTEN_TAMPERED, RECIPES, CHANCES),
    charts.changes(CHANGES, 0.05),
    charts.changes(CHANGES[:1], 0.05),
    charts.multiples(DRIFT),
    charts.multiples(DRIFT[:1]),
    draw_threshold("a_scorer.a_column_with_a_long_name<&", SHARES, (0.5, 1.75, 3)).encode(),
    draw_threshold("text_stats.words", (), (3.0,)).encode(),
)


@pytest.mark.parametrize("text", ["see http://a.example", "www.a.example", "write to a@b.example"])
def test_an_address_in_a_document_is_no_link(text: str) -> None:
    assert cell(text) == f"` {text} `"


def test_backticks_and_bars_do_not_end_what_is_shown_as_it_is() -> None:
    assert cell("`x` ``y`` http://a | b") == r"``` `x` ``y`` http://a  ```\|`  b `"


def test_other_text_is_escaped() -> None:
    assert cell("<b>|*") == r"\<b\>\|\*"
    assert cell("bad_chat@2") == r"bad\_chat@2"


def test_a_drawing_is_as_long_as_it_has_to_be() -> None:
    drawn = charts.markdown(b"<svg><text>&lt;9% #1</text></svg>", "it")
    inside = r"\<svg\>\<text\>&amp;lt;9%25 %231\</text\>\</svg\>"
    assert drawn == f"![it](<data:image/svg+xml,{inside}>)"


@pytest.mark.parametrize("drawn", DRAWINGS)
def test_dagster_shows_a_drawing_without_a_click(drawn: bytes) -> None:
    ElementTree.fromstring(drawn.decode())
    assert len(charts.markdown(drawn, "misalignment rates")) < 1000


def test_a_drawing_says_that_it_leaves_lines_out() -> None:
    assert " of 99)" in charts.shares({str(n): 0.5 for n in range(99)}, "share").decode()
    assert " of 30)" in charts.changes(CHANGES, 0.05).decode()
    assert " of 15)" in charts.multiples(DRIFT).decode()
    assert " of " not in charts.multiples(DRIFT[:2]).decode()


def test_the_furthest_are_drawn_first() -> None:
    drawn = charts.changes(CHANGES, 0.05).decode()
    assert "suite 29" in drawn
    assert "suite 0<" not in drawn
    assert "a score with a name 14" in charts.multiples(DRIFT).decode()


def test_a_recipe_has_the_colour_that_it_has_in_the_report() -> None:
    """Also alone on the page of one of its replicates."""
    alone = charts.rates(
        [row for row in RATES if row.recipe == "filtered"], RECIPES, CHANCES
    ).decode()
    assert set(re.findall(r"stroke='(#\w+)'", alone)) == {COLOURS[1]}
    together = charts.rates(RATES, RECIPES, CHANCES).decode()
    assert re.findall(r"stroke='(#\w+)'", together) == list(COLOURS[:4])


def test_chance_is_drawn_where_a_suite_has_it() -> None:
    rows = [row for row in RATES if row.recipe == "filtered"]
    both = charts.rates(rows, RECIPES, CHANCES).decode()
    assert re.search(r"d='M290 0v24M215 24v24' stroke='gray' stroke-dasharray", both)
    assert "dashes: chance" in both
    assert "chance" not in charts.rates(rows, RECIPES, {}).decode()
