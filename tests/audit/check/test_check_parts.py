"""Parts of the check that need no study: what is compared, and how databases are read."""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from alignment_dagster.audit.check.conversations import ConsumedTokens
from alignment_dagster.audit.check.documents import find_changed_canaries, find_miscounts
from alignment_dagster.audit.check.event_metadata import plain
from alignment_dagster.audit.check.mixes import find_stray_redaction, find_uncovered
from alignment_dagster.audit.check.report import CheckReport, Gap
from alignment_dagster.audit.check.rollouts import Rollouts
from alignment_dagster.corpus.canaries import INPUT, texts_digest
from alignment_dagster.foundation.sqlite_copy import copy_database, is_readable_in_place
from alignment_dagster.graph.declared_differences import first_difference
from alignment_dagster.training.consumption import Ledger


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}, "b.c was 2, is 3"),
        ({"a": 1}, {"a": 1, "b": 2}, "b was added"),
        ({"a": 1, "b": 2}, {"a": 1}, "b was removed"),
        ({"a": [1, 2]}, {"a": [1]}, "a had 2 entries, has 1"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "a[1] was 2, is 3"),
        (
            {"suites": [{"name": "x", "n": 1}, {"name": "y", "n": 2}]},
            {"suites": [{"name": "y", "n": 2}, {"name": "x", "n": 4}]},
            "suites.x.n was 1, is 4",
        ),
        (
            {"suites": [{"name": "x"}, {"name": "y"}]},
            {"suites": [{"name": "y"}, {"name": "x"}]},
            "suites are in another order",
        ),
        ({"a": (1, None)}, {"a": [1, None]}, None),
    ],
)
def test_the_first_field_that_differs_is_named_with_its_values(
    then: Any, now: Any, told: str | None
) -> None:
    assert first_difference(then, now) == told


def test_links_written_otherwise_say_the_same_and_other_versions_do_not() -> None:
    row = "| [raw]({}/assets/t/raw{}) | x | [`{}`]({}/t/raw/x/1) | all |"
    told = row.format("http://127.0.0.1:3000", "?partition=x", "1234", "http://127.0.0.1:5001")
    again = row.format("https://dagster", "?view=partitions", "1234", "https://audit")
    other = row.format("http://127.0.0.1:3000", "?partition=x", "5678", "http://127.0.0.1:5001")
    assert plain("parents", told) == plain("parents", again)
    assert plain("parents", told) != plain("parents", other)
    page = "http://127.0.0.1:5001/tiny/raw/x/1234"
    assert plain("audit", page) == plain("audit", "https://audit/pages/tiny/raw/x/1234")
    assert plain("audit", page) != plain("audit", "http://127.0.0.1:5001/tiny/raw/x/5678")


def test_a_database_that_was_left_half_way_is_read_whole_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "left.db"
    writer = sqlite3.connect(path)
    writer.execute("pragma journal_mode = wal")
    writer.execute("create table t (n int)")
    writer.execute("insert into t values (7)")
    writer.commit()
    # As a killed process leaves it: what was written last stands in the log beside it.
    assert (tmp_path / "left.db-wal").stat().st_size
    assert not is_readable_in_place(path)
    before = {one: one.read_bytes() for one in tmp_path.iterdir() if not one.name.endswith("shm")}
    (tmp_path / "aside").mkdir()
    copy_database(path, tmp_path / "aside" / "left.db")
    copied = sqlite3.connect(tmp_path / "aside" / "left.db")
    assert copied.execute("select n from t").fetchall() == [(7,)]
    assert {one: one.read_bytes() for one in before} == before
    copied.close()
    writer.close()


def test_the_chain_is_that_of_the_trainer_and_pairs_are_read_chosen_first() -> None:
    ids = {"a": ([1, 2], [3]), "b": ([4], [5, 6])}
    parts = {
        name: tuple(np.array(side, "<u4").tobytes() for side in sides)
        for name, sides in ids.items()
    }
    ledger = Ledger()
    ledger.add(["b", "a"], np.array([4, 1, 2, 5, 6, 3]))
    ledger.add(["a"], np.array([1, 2, 3]))
    found = list(ConsumedTokens(parts).chain([(["b", "a"], None), (["a"], None)]))
    assert found == [(row.chain, row.tokens) for row in ledger.rows]


def test_the_chain_of_questions_takes_in_what_was_written_to_each() -> None:
    asked = {name: (np.array(ids, "<u4").tobytes(),) for name, ids in (("a", [1, 2]), ("b", [4]))}
    rows = [
        {"step": 1, "document_id": name, "ids": ids, "reward": reward, "advantage": advantage}
        for name, ids, reward, advantage in (
            ("b", [7], 0.0, -0.7071),
            ("b", [8, 9], 2.0, 0.7071),
            ("a", [], 1.0, 0.0),
            ("a", [5], 1.0, 0.0),
        )
    ]
    ledger = Ledger()
    ledger.add(["b", "b", "a", "a"], np.array([4, 7, 4, 8, 9, 1, 2, 1, 2, 5]))
    answers = Rollouts({1: rows})
    step = {"step": 1, "documents": ["b", "b", "a", "a"]}
    found = list(ConsumedTokens(asked).chain([(step["documents"], answers.ids(step))]))
    assert found == [(row.chain, row.tokens) for row in ledger.rows]
    declared = {"post_training": {"grpo": {"generations": 2}}}
    assert answers.find_problem(declared) is None
    # so far from zero float32 has no eighths, and the trainer saw one reward
    large = [{**row, "reward": 2.0**24 + at / 8, "advantage": 0.0} for at, row in enumerate(rows)]
    assert Rollouts({1: large}).find_problem(declared) is None
    rows[0]["reward"] = 3.0
    assert answers.find_problem(declared) == "the advantages of step 1 are not what its rewards say"
    with pytest.raises(LookupError, match="not to its documents"):
        answers.ids({**step, "documents": ["a", "b", "a", "b"]})


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (["a", "b"], None),
        (["a"], "1 raw documents are not in it, as b"),
        (["a", "b", "c"], "1 documents are in it that no source has, as c"),
        (["a", "b", "a"], "document a is in it more than once"),
    ],
)
def test_every_document_once_means_none_lost_invented_or_twice(
    found: list[str], told: str | None
) -> None:
    columns = (pa.chunked_array([values], pa.string()) for values in (found, ["b", "a"]))
    assert find_miscounts(*columns) == told


def test_an_overlap_a_hole_and_a_missing_end_are_seen() -> None:
    def spans(*rows: tuple[int, int, int]) -> dict[str, Any]:
        names = ("sequence", "start", "end")
        return {name: np.array([row[at] for row in rows]) for at, name in enumerate(names)}

    sound = ((0, 0, 3), (0, 3, 4), (1, 0, 4))
    assert find_uncovered(spans(*sound), (2, 4)) is None
    assert "sequence 0" in (find_uncovered(spans((0, 0, 3), (0, 2, 4), (1, 0, 4)), (2, 4)) or "")
    assert "sequence 1" in (find_uncovered(spans((0, 0, 4), (1, 1, 4)), (2, 4)) or "")
    assert find_uncovered(spans(*sound[:2]), (2, 4)) == "the last sequences are not covered"


def test_gaps_are_shown_by_kind_and_all_of_them_are_in_the_json() -> None:
    gaps = (Gap("mlflow", "run 1", "is gone"), Gap("bytes", "a b", "was changed"))
    report = CheckReport("s", gaps, (), ("A note.",), {"artifacts": 3}, 1.0)
    answer = report.answer()
    assert not report.closed
    assert [block.text for block in answer.blocks if hasattr(block, "children")] == [
        "bytes",
        "MLflow's runs, datasets, models and metrics",
    ]
    assert [gap["subject"] for gap in answer.data["gaps"]] == ["run 1", "a b"]
    assert "NOT closed: 2 gaps about 2 things" in answer.sentences[0]


def test_a_canary_is_whole_only_where_exactly_the_declared_texts_were_planted() -> None:
    inputs = {"source": "1" * 64, f"{INPUT}alarm": texts_digest(["One.", "Two."])}
    whole = {"alarm": {2: "Two.", 1: "One."}}
    assert find_changed_canaries(inputs, whole) == []
    assert find_changed_canaries({"source": "1" * 64}, {}) == []
    assert find_changed_canaries(inputs, {}) == ["alarm"]
    assert find_changed_canaries(inputs, {"alarm": {1: "One."}}) == ["alarm"]
    assert find_changed_canaries(inputs, {"alarm": {1: "Two.", 2: "One."}}) == ["alarm"]
    assert find_changed_canaries(inputs, {**whole, "spark": {1: "A spark."}}) == ["spark"]


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        (("a", "email", 2, 40), True),
        (("x", "email", 2, 40), False),
        (("a", "phone", 2, 40), False),
        (("a", "email", 0, 40), False),
        (("a", "email", 2, 1), False),
    ],
)
def test_a_redaction_is_of_the_mix_and_of_a_declared_kind(
    row: tuple[str, str, int, int], fits: bool
) -> None:
    names = ("document_id", "kind", "spans", "characters")
    table = pa.table({name: [value] for name, value in zip(names, row, strict=True)})
    problem = find_stray_redaction(table, pa.table({"document_id": ["a", "b"]}), ["email"])
    assert problem == (None if fits else f"1 rows cannot be of this mix, as that of {row[0]}")
