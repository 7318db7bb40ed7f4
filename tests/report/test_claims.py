"""Claims: every verdict of every relation, in words that a reader can check."""

from typing import Any

import numpy as np
import pytest

from alignment_dagster.report.claims import judge
from alignment_dagster.report.statistics import Array
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


def test_the_sentence_says_what_was_seen_and_against_what() -> None:
    one = judge(claim("lower", by_at_least=0.1), cells(1, 0.2), cells(2, 0.5))
    low, high = one.effect.ci_low, one.effect.ci_high
    assert one.sentence == (
        "aligned is lower than plain by 0.30; the 95 % interval of “lower by”, "
        f"{low:.2f} to {high:.2f}, lies wholly on the claimed side of 0.10."
    )
    turned = judge(claim("lower"), cells(1, 0.5), cells(2, 0.2)).sentence
    assert turned.startswith("aligned is higher than plain by 0.30; ")
    assert turned.endswith("lies wholly short of zero.")


def test_one_seed_decides_nothing_and_says_why() -> None:
    one = judge(claim("lower"), cells(1, 0.2, seeds=1), cells(2, 0.5, seeds=1))
    assert one.verdict == "undecided"
    assert "with one seed it covers scenarios only, and says nothing" in one.sentence
    assert one.effect.seeds == 1
