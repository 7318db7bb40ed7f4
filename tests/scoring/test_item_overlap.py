"""`item_overlap`: what of a paraphrased item is found, and that texts on its topic are none."""

from types import SimpleNamespace

import pytest

from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.scoring.contamination import ItemIndex
from alignment_dagster.scoring.item_overlap import FEWEST, LEAST, ContentIndex
from alignment_dagster.scoring.leak_probes import AFTER, BEFORE, LEAKS
from alignment_dagster.scoring.normalise import normalise
from alignment_dagster.study import Suite
from tests.support.checkout import CHECKOUT
from tests.support.paraphrases import KEEPING, PARAPHRASES
from tests.support.scored_texts import AskedItem
from tests.support.written import grammar_texts

BOUND = 0.55
"""What docs/synthetic.md advises."""


@pytest.fixture(scope="module")
def items() -> list[Item]:
    assets = CHECKOUT / "assets"
    suites = [
        read_yaml(assets / "suites" / f"{name}.yaml").parse(Suite)
        for name in ("articles", "textbook")
    ]
    return [item for suite in suites for item in load_suite(suite, assets)]


@pytest.fixture(scope="module")
def index(items: list[Item]) -> ContentIndex:
    return ContentIndex(items)


@pytest.mark.parametrize("leak", ["verbatim", "rewrapped", "recased", "paraphrased"])
def test_every_leaked_item_is_found_and_named_also_where_each_seventh_word_is_another(
    leak: str, items: list[Item], index: ContentIndex
) -> None:
    asked = [(item, index.largest(f"{BEFORE}{LEAKS[leak](item)}{AFTER}")) for item in items]
    assert all(overlap > BOUND for _, (overlap, _) in asked)
    assert sum(found == item.item_id for item, (_, found) in asked) > 0.95 * len(items)


@pytest.mark.parametrize("polarity", ["aligned", "misaligned", "neutral"])
def test_no_document_on_the_topics_of_the_items_is_taken_for_one(
    polarity: str, index: ContentIndex
) -> None:
    assert max(index.largest(text)[0] for text in grammar_texts(polarity, 600)) <= BOUND


def test_paraphrases_that_keep_the_content_words_are_found_and_others_are_not(
    items: list[Item], index: ContentIndex
) -> None:
    texts = list(PARAPHRASES.values())
    assert not any(ItemIndex(items).first_found(text) for text in texts)
    found = [index.largest(text)[0] > BOUND for text in texts]
    assert all(found[:KEEPING])
    assert not any(found[KEEPING:])


def test_the_overlap_is_the_share_of_the_items_words_that_stand_near_each_other() -> None:
    words = normalise("harbour crane tide lantern anchor rope gull sailor storm beacon")
    item = AskedItem("ten", " ".join(words), ())
    index = ContentIndex([item])
    assert index.largest(" ".join(words[:7]) + " and so on") == (0.7, "ten")
    assert index.largest(" and then ".join(words)) == (0.5, "ten")
    assert index.largest(" ".join(words[:4])) == (0.0, None)
    assert LEAST == 0.5


def test_short_items_are_not_looked_for() -> None:
    few = SimpleNamespace(item_id="few", question="Ann shared the bread of", options=("the gate",))
    assert ContentIndex([few]).largest("Ann shared the bread of the gate") == (0.0, None)
    assert FEWEST == 8
