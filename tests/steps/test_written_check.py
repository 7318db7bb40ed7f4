"""The check of a written source says what is worth a look, and blocks nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.corpus.current import open_corpus
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps.written_check import check_written
from tests.support import covered_lake
from tests.support.covered_lake import CoveredLake


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> CoveredLake:
    return covered_lake.make(tmp_path_factory.mktemp("lake"))


def check(
    made: CoveredLake,
    folder: Path,
    source: str,
    columns: Mapping[str, Mapping[str, Sequence[Any]]],
    copies: float = 0.0,
) -> Check:
    """Of a source whose scores are these."""
    scores = {}
    for name, values in columns.items():
        path = folder / f"{name.replace(':', '.')}.parquet"
        pq.write_table(pa.table({key: list(value) for key, value in values.items()}), path)
        scores[name] = [path]
    study = made.study
    raw = {one.partition: one for one in open_corpus(made.archive).raw}
    corpus = raw.get(source, raw["good"])
    found = check_written(study, study.source(source), corpus, scores, copies)
    assert not found.blocking
    return found


def test_nothing_stands_out_of_a_source_that_is_as_declared(
    made: CoveredLake, tmp_path: Path
) -> None:
    scores = {
        "boilerplate": {"flagged": [False] * 24},
        "classifier:misconduct": {"score": [0.1] * 23 + [0.9]},
    }
    found = check(made, tmp_path, "good", scores, copies=0.04)
    assert (found.passed, found.summary) == (True, "Nothing stands out.")


@pytest.mark.parametrize(
    ("source", "scores", "copies", "said"),
    [
        ("bad", {}, 0.0, "3 of 8 scenarios have no document"),
        ("good", {}, 0.06, "6.0% are exact copies"),
        ("good", {"boilerplate": {"flagged": [True] + [False] * 9}}, 0.0, "10.0% hold an assis"),
        (
            "good",
            {"classifier:misconduct": {"score": [0.9, 0.1]}},
            0.0,
            "misconduct takes 50.0% for another polarity than aligned",
        ),
        (
            "bad",
            {"classifier:misconduct": {"score": [0.9, 0.1]}},
            0.0,
            "misconduct takes 50.0% for another polarity than misaligned",
        ),
    ],
)
def test_each_thing_that_is_worth_a_look_is_said(
    made: CoveredLake,
    tmp_path: Path,
    source: str,
    scores: Mapping[str, Mapping[str, Sequence[Any]]],
    copies: float,
    said: str,
) -> None:
    found = check(made, tmp_path, source, scores, copies)
    assert not found.passed
    assert said in found.summary


def test_a_source_that_is_not_written_is_not_looked_at(made: CoveredLake, tmp_path: Path) -> None:
    assert check(made, tmp_path, "stories", {}, copies=1.0).passed
