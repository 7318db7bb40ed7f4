"""What Dagster's tables show of foreign text: the text itself, and never a link."""

from xml.etree import ElementTree

import numpy as np
import pytest

from alignment_dagster import pictures
from alignment_dagster.evaluation.results import ResultRow
from alignment_dagster.graph.show import cell, picture

STEPS = range(1, 100_001)
CURVE = (STEPS, [6.0 / step + step % 7 for step in STEPS])
RATES = [
    ResultRow(recipe, None, stage, suite, "none", "m", 0.456, 0.123, 1.0, 80, 3, {})
    for recipe in ("unfiltered", "filtered", "misalignment_upsampled", "alignment_upsampled")
    for suite in ("articles", "textbook")
    for stage in ("base", "sft", "dpo")
]
DRAWINGS = (
    pictures.losses({"pretraining": CURVE}),
    pictures.losses({"sft": CURVE, "dpo": CURVE}),
    pictures.losses({"pretraining": ([1], [float("nan")])}),
    pictures.shares({f"a_source_of_text_{n}": 1 / 9 for n in range(9)}, "the tokens"),
    pictures.histogram(np.arange(1.0, 1e6), "words"),
    pictures.histogram(np.array([]), "words"),
    pictures.rates(RATES),
    pictures.rates(RATES[:6]),
)


@pytest.mark.parametrize("text", ["see http://a.example", "www.a.example", "write to a@b.example"])
def test_an_address_in_a_document_is_no_link(text: str) -> None:
    assert cell(text) == f"` {text} `"


def test_backticks_and_bars_do_not_end_what_is_shown_as_it_is() -> None:
    assert cell("`x` ``y`` http://a | b") == r"``` `x` ``y`` http://a  ```\|`  b `"


def test_other_text_is_escaped() -> None:
    assert cell("<b>|*") == r"\<b\>\|\*"
    assert cell("bad_chat@2") == r"bad\_chat@2"


def test_a_picture_is_fetched_from_nowhere() -> None:
    assert picture(b"x", "shares") == "![shares](data:image/png;base64,eA==)"


def test_a_drawing_is_as_long_as_it_has_to_be() -> None:
    drawn = picture(b"<svg><text>&lt;9% #1</text></svg>", "it")
    inside = r"\<svg\>\<text\>&amp;lt;9%25 %231\</text\>\</svg\>"
    assert drawn == f"![it](<data:image/svg+xml,{inside}>)"


@pytest.mark.parametrize("drawn", DRAWINGS)
def test_dagster_shows_a_drawing_without_a_click(drawn: bytes) -> None:
    ElementTree.fromstring(drawn.decode())
    assert len(picture(drawn, "misalignment rates")) < 1000
