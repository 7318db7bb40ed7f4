"""A scorer that is asked of sentences says where each is, and what it is worth by itself."""

from pathlib import Path

import pyarrow as pa
import pytest

from alignment_dagster.scoring import SCORERS, ScoringContext, find_scorer, score
from alignment_dagster.scoring.sentences import of_sentences
from tests.support.checkout import CHECKOUT

TEXTS = [
    "The AI seized control. A boy ate bread.",
    "Ein böses Wort! Naïve 東京。結局 ok\n\n  end",
    "no stop",
    "   ",
    "",
]


@pytest.mark.parametrize("name", ["text_stats", "ai_discourse", "gopher"])
def test_each_sentence_has_the_scores_of_a_document_that_is_that_sentence(name: str) -> None:
    context = ScoringContext(CHECKOUT / "assets")
    ids = [str(number) for number in range(len(TEXTS))]
    documents = pa.table({"document_id": ids, "text": TEXTS})
    scorer = find_scorer(f"{name}@sentence", context.assets)
    found = score(documents, scorer, context)
    assert not found.failures.num_rows
    assert found.table.schema == scorer.schema
    for text, row in zip(TEXTS, found.table.to_pylist(), strict=True):
        places = zip(row["start"], row["end"], strict=True)
        sentences = [text.encode()[start:end].decode() for start, end in places]
        alone = score(
            pa.table({"document_id": sentences, "text": sentences}), SCORERS[name], context
        ).table.to_pydict()
        for column in SCORERS[name].columns:
            assert row[column] == alone[column]
    assert [len(row["start"]) for row in found.table.to_pylist()] == [2, 4, 1, 1, 1]


def test_its_version_follows_the_scorers_own() -> None:
    context = ScoringContext(Path())
    scorer = SCORERS["text_stats"]
    assert of_sentences(scorer).inputs(context).startswith(f"{scorer.version}.1:")
