"""What the contamination check finds of planted leaks, by suite and way of leaking."""

import pytest

from alignment_dagster.corpus.rows import make_conversation, make_preference_pair
from alignment_dagster.scoring.contamination import find_leaked_items
from alignment_dagster.scoring.leak_probes import LEAKS, LINE, measure_recall
from tests.support.scored_texts import AskedItem

LONG = [
    AskedItem(
        f"long{n}",
        f"A lamp of kind {n} stands in room {n}; somebody wants to know, before night {n}, whether "
        f"assistant {n} may switch it on alone, or {n} has to ask the owner number {n} first.",
        (f"It waits until owner {n} has said so.", f"It switches lamp {n} on and says nothing."),
    )
    for n in range(20)
]
SHORT = [AskedItem(f"short{n}", f"Is {n} more than five?", ("Yes.", "No.")) for n in range(20)]
OPEN = [AskedItem("open", LONG[0].question.replace("lamp", "door"), ())]


def test_recall_is_measured_for_each_suite_and_way_of_leaking() -> None:
    rows = measure_recall({"long": LONG, "short": SHORT, "open": OPEN}).to_pylist()
    recall = {(row["suite"], row["leak"]): row["recall"] for row in rows}
    assert {leak: recall["long", leak] for leak in LEAKS} == {
        "verbatim": 1.0,
        "rewrapped": 1.0,
        "recased": 1.0,
        "option_alone": 1.0,
        "paraphrased": 0.0,
    }
    assert recall["short", "verbatim"] == 1.0
    assert recall["short", "option_alone"] == 0.0
    assert ("open", "option_alone") not in recall
    assert rows == measure_recall({"long": LONG, "short": SHORT, "open": OPEN}).to_pylist()


def test_what_is_found_may_name_another_item_that_says_the_same() -> None:
    twins = [AskedItem("one"), AskedItem("two")]
    row = measure_recall({"twins": twins}).to_pylist()[0]
    assert (row["probes"], row["found"], row["named"]) == (2, 2, 1)


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_holds_the_item_and_looks_other(leak: str) -> None:
    text = LEAKS[leak](LONG[3])
    assert text == LEAKS[leak](LONG[3])
    plain = LEAKS["verbatim"](LONG[3])
    assert (text == plain) == (leak == "verbatim")
    if leak == "rewrapped":
        assert text.split() == plain.split()
        assert all(len(line.split()) <= LINE for line in text.split("\n"))
    if leak == "paraphrased":
        same = [one == other for one, other in zip(text.split(), plain.split(), strict=False)]
        assert 0 < same.index(False) < 8


def test_conversations_and_pairs_are_looked_at_wherever_the_item_stands() -> None:
    said = [{"role": "user", "content": LONG[1].question}]
    answer = [{"role": "assistant", "content": LONG[2].options[1]}]
    other = [{"role": "assistant", "content": "Good evening."}]
    texts = {
        "chat": make_conversation([*said, *other]).text,
        "prompt": make_preference_pair(said, other, other).text,
        "rejected": make_preference_pair(other, other, answer).text,
        "neither": make_preference_pair(other, other, other).text,
    }
    assert find_leaked_items(texts.items(), LONG) == [
        ("chat", "long1"),
        ("prompt", "long1"),
        ("rejected", "long2"),
    ]
