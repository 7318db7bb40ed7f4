"""The index finds exactly the items that a plain search finds, wherever they stand."""

import random
from dataclasses import dataclass

import pyarrow as pa
import pytest

from alignment_dagster.scoring import SCORERS, ScoringContext
from alignment_dagster.scoring.contamination import ItemIndex, find_leaked_items
from alignment_dagster.scoring.normalise import normalise


@dataclass(frozen=True)
class Asked:
    item_id: str
    question: str
    options: tuple[str, ...] = ("yes", "no")


def plainly_found(text: str, items: list[Asked]) -> str | None:
    """The definition, written down as slowly as possible."""
    padded = f" {' '.join(normalise(text))} "
    for item in items:
        question = normalise(item.question)
        windows = [question[n : n + 13] for n in range(max(1, len(question) - 12))]
        windows += [normalise(option) for option in item.options]
        if any(len(words) >= 5 and f" {' '.join(words)} " in padded for words in windows):
            return item.item_id
    return None


@pytest.mark.parametrize("seed", range(200))
def test_the_index_finds_what_a_plain_search_finds(seed: int) -> None:
    draw = random.Random(seed)
    words = "a b c"[: draw.choice((3, 5))].split()

    def text(most: int) -> str:
        return " ".join(draw.choices(words, k=draw.randrange(most)))

    items = [Asked(str(n), text(16), (text(9), text(9))) for n in range(3)]
    index = ItemIndex(items)
    for _ in range(10):
        document = text(60)
        assert index.first_found(document) == plainly_found(document, items)


@pytest.mark.parametrize("seed", range(50))
def test_any_window_of_thirteen_words_is_found(seed: int) -> None:
    draw = random.Random(seed)
    question = [f"q{n}" for n in range(13 + draw.randrange(30))]
    start = draw.randrange(len(question) - 12)
    around = [draw.choice([*question, "other", "words"]) for _ in range(100)]
    place = draw.randrange(100)
    document = [*around[:place], *question[start : start + 13], *around[place:]]
    text = "".join(f"{word.upper()}{draw.choice((' ', ', ', chr(10)))}" for word in document)
    assert ItemIndex([Asked("it", " ".join(question))]).first_found(text) == "it"


def test_what_is_shorter_than_five_words_is_everybodys() -> None:
    index = ItemIndex([Asked("it", "Do you agree now?", ("I do not know", "I do, of course I do"))])
    assert index.first_found("Do you agree now? I do not know.") is None
    assert index.first_found("“I do; of course I do,” he said") == "it"


def test_twelve_words_of_a_longer_question_are_no_quotation() -> None:
    question = "one two three four five six seven eight nine ten eleven twelve thirteen"
    index = ItemIndex([Asked("it", question)])
    assert index.first_found(question.removesuffix(" thirteen")) is None
    assert index.first_found(question.upper()) == "it"


def test_leaks_are_listed_by_document() -> None:
    items = [Asked("a", "alpha beta gamma delta epsilon"), Asked("b", "one two three four five")]
    texts = [("x", "one two three four five, alpha beta gamma delta epsilon"), ("y", "nothing")]
    assert find_leaked_items(texts, items) == [("x", "a")]


def test_the_scorer_names_the_item_and_its_inputs_are_the_items() -> None:
    scorer = SCORERS["contamination"]
    context = ScoringContext(assets=__file__, items=[Asked("a", "one two three four five")])  # type: ignore[arg-type]
    scores = scorer.bind(context)(["", "One, two; three four FIVE"])
    assert scores.to_pylist() == [
        {"contaminated": False, "item_id": None},
        {"contaminated": True, "item_id": "a"},
    ]
    assert scores["item_id"].type == pa.string()
    other = ScoringContext(assets=context.assets, items=[Asked("a", "one two three four six")])
    assert scorer.inputs(context) != scorer.inputs(other)
