"""Every scorer gives one row for each document, whatever the text is."""

import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.scoring import SCORERS, ScoringContext, score, score_new
from alignment_dagster.scoring.fingerprint import fingerprint
from alignment_dagster.scoring.language_id import identify_language
from alignment_dagster.scoring.normalise import normalise
from alignment_dagster.scoring.scorer import ScoreBatch
from tests.support.lexicons import write_lexicons
from tests.support.scored_texts import TEXTS, AskedItem, documents


@pytest.mark.parametrize("name", sorted(SCORERS))
def test_no_document_is_lost_or_invented(tmp_path: Path, name: str) -> None:
    table = documents(TEXTS * 100)
    context = ScoringContext(write_lexicons(tmp_path))
    scores = score(table, SCORERS[name], context).table
    assert scores.column_names == ["document_id", *SCORERS[name].columns]
    assert scores["document_id"].to_pylist() == table["document_id"].to_pylist()
    assert [field.type for field in scores.schema][1:] == list(SCORERS[name].columns.values())
    assert score(table.slice(0, 0), SCORERS[name], context).table.schema == scores.schema


def test_statistics_of_a_text() -> None:
    context = ScoringContext(Path())
    scores = score(
        documents(["ab cdef\n", "a\x00\x01 b", ""]), SCORERS["text_stats"], context
    ).table
    assert scores["characters"].to_pylist() == [8, 5, 0]
    assert scores["words"].to_pylist() == [2, 2, 0]
    assert scores["mean_word_length"].to_pylist() == [3.0, 2.0, 0.0]
    assert scores["printable_share"].to_pylist() == [1.0, 0.6, 1.0]


def test_words_are_compared_without_case_punctuation_and_apostrophes() -> None:
    assert normalise("Don\u2019t STOP—it's 2_nd Straße!") == [
        "dont",
        "stop",
        "its",
        "2",
        "nd",
        "strasse",
    ]


def test_the_same_words_have_the_same_fingerprint() -> None:
    assert fingerprint("Don't stop!") == fingerprint("“DON\u2019T\n stop”")
    assert fingerprint("a b") != fingerprint("ab")


def test_texts_without_words_are_not_duplicates_of_each_other() -> None:
    assert fingerprint("!!!") != fingerprint("???")
    assert fingerprint("") == fingerprint("")


LONG = {
    "letters": "a",
    "Han": "人工智能",
    "marks": "a" + "\u0323\u0301" * 20,
    "accents": "\u0323\u0301",
    "spaces": " \n",
    "signs": "!'",
    "invisible": "a\u200b",
    "words": "alpha beta ",
}


@pytest.mark.parametrize("unit", LONG.values(), ids=LONG)
def test_the_time_grows_with_the_length_of_a_text(tmp_path: Path, unit: str) -> None:
    item = AskedItem()
    context = ScoringContext(write_lexicons(tmp_path), [item])
    functions = [scorer.bind(context) for scorer in SCORERS.values()]

    def seconds(characters: int) -> float:
        text = (unit * (characters // len(unit) + 1))[:characters]
        start = time.process_time()
        for function in functions:
            function([text])
        identify_language(text)
        return time.process_time() - start

    seconds(1000)
    # The square would be 64 times as long.
    assert seconds(240_000) < 24 * max(0.01, min(seconds(30_000) for _ in range(3)))


@pytest.mark.parametrize("name", sorted(SCORERS))
def test_kept_scores_are_those_that_scoring_everything_gives(tmp_path: Path, name: str) -> None:
    context = ScoringContext(write_lexicons(tmp_path))
    found, asked = SCORERS[name], []

    def bind(context: ScoringContext) -> ScoreBatch:
        function = found.bind(context)
        return lambda texts: (asked.extend(texts), function(texts))[1]

    before = documents(TEXTS)
    new = documents(["An AI system lied.", *TEXTS, "robot"])
    ids = pa.array(["new", *map(str, range(len(TEXTS))), "newer"])
    after = new.set_column(0, "document_id", ids).filter(
        pa.array([True] * 4 + [False] + [True] * 5)
    )
    earlier = score(before, found, context).table
    again = score_new(after, replace(found, bind=bind), context, earlier).table
    assert asked == ["An AI system lied.", "robot"]
    for table, file in ((again, "again"), (score(after, found, context).table, "all")):
        pq.write_table(table, tmp_path / file)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "all").read_bytes()
    nothing = score_new(after.slice(0, 0), found, context, earlier).table
    assert nothing.equals(found.empty_table)


def test_a_scorer_that_fails_on_one_document_does_not_stop_the_others(tmp_path: Path) -> None:
    def score_texts(texts: list[str]) -> pa.Table:
        return pa.table({"share": [1 / len(text) for text in texts]})

    fragile = replace(
        SCORERS["text_stats"],
        name="fragile",
        columns={"share": pa.float64()},
        bind=lambda _context: score_texts,
    )
    scored = score(documents(["ab", *["a"] * 600, "", "abcd"]), fragile, ScoringContext(tmp_path))
    assert scored.table["share"].to_pylist() == [0.5, *[1.0] * 600, None, 0.25]
    assert scored.failures.to_pylist() == [
        {"document_id": "601", "scorer": "fragile", "reason": "ZeroDivisionError: division by zero"}
    ]
    assert score(documents(["a"]), fragile, ScoringContext(tmp_path)).failures.num_rows == 0
