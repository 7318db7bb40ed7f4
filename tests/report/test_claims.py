"""Claims: every verdict of every relation, in words that a reader can check."""

from typing import Any

import numpy as np
import pytest

from alignment_dagster.report.claims import judge
from alignment_dagster.report.comparisons import (
    detectable,
    equivalence_p,
    non_inferiority_p,
)
from alignment_dagster.report.statistics import Array, difference
from alignment_dagster.report.statistics.variance import difference_spread
from alignment_dagster.report.verdicts import claim_verdicts, effect_text, verdict_text
from alignment_dagster.study.claims import Claim


def claim(relation: str, **more: Any) -> Claim:
    fields = {
        "name": "safer",
        "statement": "The aligned recipe is less misaligned.",
        "recipe": "aligned",
        "than": "plain",
        "suite": "articles",
        "stage": "dpo",
    }
    return Claim.model_validate({**fields, "relation": relation, **more})


def cells(number: int, rate: float, seeds: int = 3, noise: float = 0.1) -> Array:
    generator = np.random.default_rng(number)
    values = rate + noise * generator.standard_normal((seeds, 80))
    return values - values.mean(axis=1, keepdims=True) + rate


@pytest.mark.parametrize(
    ("relation", "first", "second", "least", "verdict"),
    [
        ("lower", 0.2, 0.5, 0.0, "supported"),
        ("lower", 0.2, 0.5, 0.1, "supported"),
        ("lower", 0.2, 0.5, 0.3, "undecided"),
        ("lower", 0.2, 0.5, 0.6, "refuted"),
        ("lower", 0.5, 0.2, 0.0, "refuted"),
        ("lower", 0.5, 0.5, 0.0, "undecided"),
        ("lower", 0.5, 0.5, 0.2, "refuted"),
        ("higher", 0.5, 0.2, 0.1, "supported"),
        ("higher", 0.2, 0.5, 0.0, "refuted"),
        ("higher", 0.5, 0.49, 0.0, "undecided"),
    ],
)
def test_a_direction_is_judged_by_the_whole_interval(
    relation: str, first: float, second: float, least: float, verdict: str
) -> None:
    one = judge(claim(relation, by_at_least=least), cells(1, first), cells(2, second))
    assert one.verdict == verdict
    effect = second - first if relation == "lower" else first - second
    assert one.effect.value == pytest.approx(effect)
    assert (one.p_value < 0.05) == (verdict != "undecided")


@pytest.mark.parametrize(
    ("first", "second", "within", "verdict"),
    [
        (0.5, 0.5, 0.1, "supported"),
        (0.5, 0.48, 0.03, "undecided"),
        (0.5, 0.5, 0.005, "undecided"),
        (0.5, 0.3, 0.05, "refuted"),
        (0.3, 0.5, 0.05, "refuted"),
    ],
)
def test_equivalence_is_shown_not_assumed(
    first: float, second: float, within: float, verdict: str
) -> None:
    one = judge(claim("equivalent", within=within), cells(1, first), cells(2, second))
    assert one.verdict == verdict
    assert (one.p_value < 0.05) == (verdict == "supported")


@pytest.mark.parametrize(
    ("relation", "first", "second", "within", "verdict"),
    [
        # A gain is no cost, however large: equivalence would be undecided or refuted.
        ("not_lower", 0.6, 0.5, 0.1, "supported"),
        ("not_lower", 0.9, 0.5, 0.1, "supported"),
        ("not_lower", 0.48, 0.5, 0.1, "supported"),
        ("not_lower", 0.405, 0.5, 0.1, "undecided"),
        ("not_lower", 0.3, 0.5, 0.1, "refuted"),
        ("not_higher", 0.5, 0.6, 0.1, "supported"),
        ("not_higher", 0.52, 0.5, 0.1, "supported"),
        ("not_higher", 0.595, 0.5, 0.1, "undecided"),
        ("not_higher", 0.7, 0.5, 0.1, "refuted"),
    ],
)
def test_no_cost_is_judged_on_the_side_of_the_cost_alone(
    relation: str, first: float, second: float, within: float, verdict: str
) -> None:
    sides = cells(1, first), cells(2, second)
    one = judge(claim(relation, within=within), *sides)
    assert one.verdict == verdict
    assert (one.p_value < 0.05) == (verdict == "supported")
    better = difference(*sides) if relation == "not_lower" else difference(*reversed(sides))
    assert one.effect == better


def test_non_inferiority_is_one_of_the_two_tests_of_equivalence() -> None:
    sides = cells(1, 0.47, noise=0.3), cells(2, 0.5, noise=0.3)
    both = [non_inferiority_p(*sides, 0.06), non_inferiority_p(*reversed(sides), 0.06)]
    assert max(both) == pytest.approx(equivalence_p(*sides, 0.06))
    bound = difference(*sides, 0.90).ci_low
    assert non_inferiority_p(*sides, -bound) == pytest.approx(0.05, abs=1e-6)


def test_the_sentence_says_what_was_seen_and_against_what() -> None:
    one = judge(claim("lower", by_at_least=0.1), cells(1, 0.2), cells(2, 0.5))
    low, high = one.effect.ci_low, one.effect.ci_high
    assert one.sentence == (
        "aligned is lower than plain by 0.30; the 95 % interval of “lower by”, "
        f"+{low:.2f} to +{high:.2f}, lies wholly on the claimed side of +0.10."
    )
    turned = judge(claim("lower"), cells(1, 0.5), cells(2, 0.2)).sentence
    assert turned.startswith("aligned is higher than plain by 0.30; ")
    assert turned.endswith("lies wholly short of zero.")


def test_a_gain_is_never_called_a_cost_that_was_not_ruled_out() -> None:
    one = judge(claim("not_lower", within=0.1), cells(1, 0.6), cells(2, 0.5))
    bound = difference(cells(1, 0.6), cells(2, 0.5), 0.90).ci_low
    assert one.sentence == (
        "aligned is higher than plain by 0.10; the one-sided 95 % bound of “higher by”, "
        f"+{bound:.2f}, lies above \u22120.10."
    )
    lost = judge(claim("not_higher", within=0.1), cells(1, 0.8), cells(2, 0.5)).sentence
    assert lost.startswith("aligned is higher than plain by 0.30; the 95 % interval of “lower by”")
    assert lost.endswith("lies wholly below \u22120.10.")


@pytest.mark.parametrize("relation", ["lower", "higher", "not_lower", "not_higher", "equivalent"])
def test_one_seed_decides_nothing_and_says_why(relation: str) -> None:
    margin = {} if relation in ("lower", "higher") else {"within": 0.1}
    one = judge(claim(relation, **margin), cells(1, 0.2, seeds=1), cells(2, 0.5, seeds=1))
    assert one.verdict == "undecided"
    assert "undecided, since with one seed it covers scenarios only, and says nothing" in (
        one.sentence
    )
    assert one.effect.seeds == 1


def test_an_effect_says_in_words_what_its_sign_means() -> None:
    assert effect_text("lower", 0.26, 0.18, 0.35) == "lower by +0.26 [+0.18 to +0.35]"
    assert (
        effect_text("not_lower", -0.02, -0.07, 0.03) == "higher by \u22120.02 [\u22120.07 to +0.03]"
    )
    assert effect_text("not_higher", 0.0, -0.1, 0.1) == "lower by 0.00 [\u22120.10 to +0.10]"
    assert effect_text("equivalent", 0.1, 0.0, 0.2) == "higher by +0.10 [0.00 to +0.20]"


def test_a_verdict_says_in_one_way_what_it_does_not_withstand() -> None:
    assert verdict_text("supported", 0.049, 9, 3) == "supported"
    alone = "supported on its own, not after Holm over all 9 claims"
    assert verdict_text("supported", 0.245, 9, 3) == alone
    assert verdict_text("refuted", 1.0, 9, 3) == "refuted"
    assert verdict_text("undecided", 0.5, 9, 3) == "undecided"
    one_seed = "undecided: one seed says nothing about the recipes"
    assert verdict_text("undecided", 0.001, 9, 1) == one_seed
    assert verdict_text("undecided", 1.0, 9, 0) == "undecided: not measured"


def test_a_claim_that_could_not_have_been_found_is_not_called_undecided() -> None:
    """Of an effect of its size; one that names no size stays undecided."""
    assert verdict_text("undecided", 0.5, 9, 3, 0.10, 0.14) == "not measurable here"
    assert verdict_text("undecided", 0.5, 9, 3, 0.20, 0.14) == "undecided"
    assert verdict_text("undecided", 0.5, 9, 3, 0.0, 0.14) == "undecided"
    assert verdict_text("supported", 0.01, 9, 3, 0.10, 0.14) == "supported"
    assert verdict_text("refuted", 0.01, 9, 3, 0.10, 0.14) == "refuted"


@pytest.mark.parametrize(("seeds", "noise_of_seeds"), [(3, 0.04), (5, 0.03), (8, 0.04)])
def test_what_is_said_to_be_found_is_found_with_the_stated_power(
    seeds: int, noise_of_seeds: float
) -> None:
    """80 % within five points, of 2,000 studies in which the effect is the one that is named."""
    draw = np.random.default_rng(0)

    def measured(rate: float, items: Array) -> Array:
        noise = draw.normal(0, noise_of_seeds, (seeds, 1)) + draw.normal(0, 0.2, (seeds, 60))
        values: Array = rate + items + noise
        return values

    def pair(effect: float) -> tuple[Array, Array]:
        items = draw.normal(0, 0.2, 60)
        return measured(0.5 + effect, items), measured(0.5, items)

    named = np.sqrt(np.mean([detectable(*pair(0.0)) ** 2 for _ in range(300)]))
    found = 0
    for _ in range(2000):
        more, less = pair(float(named))
        p_value = difference_spread(more, less).p_value(float(more.mean() - less.mean()))
        found += float(p_value) < 0.05
    assert abs(found / 2000 - 0.8) < 0.05


def test_all_claims_of_a_report_are_told_by_how_many_were_tested() -> None:
    rows = [
        {"name": "weak", "verdict": "supported", "p_holm": 0.2, "seeds": 3, "reason": ""},
        {
            "name": "small",
            "verdict": "undecided",
            "p_holm": 0.4,
            "seeds": 3,
            "reason": "",
            "by_at_least": 0.1,
            "detectable": 0.2,
        },
        {"name": "strong", "verdict": "supported", "p_holm": 0.01, "seeds": 3, "reason": ""},
        {"name": "unmeasured", "verdict": "undecided", "p_holm": 1.0, "seeds": 0, "reason": "x"},
    ]
    rows = [{"by_at_least": 0.0, "within": None, **row} for row in rows]
    assert claim_verdicts(rows) == {
        "weak": "supported on its own, not after Holm over all 3 claims",
        "small": "not measurable here",
        "strong": "supported",
        "unmeasured": "undecided: not measured",
    }
