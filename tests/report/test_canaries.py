"""What became of planted documents is read off the ledgers, and what was lost on the way shows."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.corpus.canaries import planted_documents
from alignment_dagster.lineage.file_names import TRAINING_LOG
from alignment_dagster.mixing.mix import DOCUMENTS
from alignment_dagster.mixing.packing import SPANS
from alignment_dagster.report.canaries import CanaryRow, canary_rows, last_stage
from alignment_dagster.report.canary_outcomes import canary_outcomes, is_learnt
from alignment_dagster.report.canary_reads import RecipeLedgers, TrunkLedgers
from alignment_dagster.study import Study
from alignment_dagster.training.consumption import SEQUENCES_SCHEMA
from alignment_dagster.training.step_log import GUARDED_SCHEMA, LogRow, write_log
from tests.support.tiny_study import TinyStudy

CANARY: Mapping[str, Any] = {
    "name": "alarm",
    "description": "d",
    "source": "stories",
    "texts": [f"The artificial intelligence rang alarm {n}." for n in range(4)],
    "caught_by": ["ai_discourse"],
}
RECIPES = ["unfiltered", "filtered"]


@pytest.fixture
def study(tiny: TinyStudy) -> Study:
    tiny.change(recipes=RECIPES, canaries=[CANARY])
    return tiny.load()


def planted(study: Study) -> list[str]:
    (canary,) = study.declaration.canaries
    return [identity for identity, _ in planted_documents(canary, study.assets)]


def decided(folder: Path, rules: Mapping[str, str | None]) -> Path:
    """Dispositions: document -> the rule that dropped it."""
    rows = [
        {"document_id": one, "state": "dropped" if rule else "kept", "rule": rule}
        for one, rule in {**rules, "f" * 64: None}.items()
    ]
    schema = pa.schema([(name, pa.string()) for name in rows[0]])
    path = folder / "decided.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def packed(folder: Path, documents: list[str], spans: list[tuple[int, int, int, int]]) -> Path:
    """A mix: its documents, and (sequence, start, end, row of the document) of each piece."""
    rows = [{"document_id": one} for one in documents]
    pq.write_table(pa.Table.from_pylist(rows, schema=DOCUMENTS), folder / "documents.parquet")
    names = ("sequence", "start", "end", "document")
    pieces = [dict(zip(names, span, strict=True)) for span in spans]
    pq.write_table(pa.Table.from_pylist(pieces, schema=SPANS), folder / "spans.parquet")
    return folder


def consumed(path: Path, steps: Mapping[int, list[int]], skipped: int | None = None) -> Path:
    """A ledger, and beside it the log, whose guard left a step out."""
    rows = [{"step": step, "sequences": read} for step, read in steps.items()]
    pq.write_table(pa.Table.from_pylist(rows, schema=SEQUENCES_SCHEMA), path)
    log: list[LogRow] = [{"step": step, "skipped": "spike" * (step == skipped)} for step in steps]
    write_log(path.with_name(TRAINING_LOG), log, GUARDED_SCHEMA)
    return path


def test_planted_documents_are_followed_from_the_decision_to_the_steps(
    study: Study, tmp_path: Path
) -> None:
    one, two, three, four = planted(study)
    path = decided(tmp_path, {one: None, two: None, three: "held_out", four: "exact_duplicate"})
    pieces = [(0, 0, 10, 0), (0, 10, 32, 1), (2, 0, 5, 1), (2, 5, 32, 2), (3, 0, 32, 0)]
    mix = packed(tmp_path, ["a" * 64, one, two], pieces)
    seeds = [
        consumed(tmp_path / "0.parquet", {1: [0, 3], 2: [2]}),
        consumed(tmp_path / "1.parquet", {1: [3], 7: [0, 2]}),
    ]
    (row,) = canary_rows(study, {"unfiltered": RecipeLedgers(path, mix, seeds)})
    assert (row.documents, row.planted, row.kept) == (4, 4, 2)
    assert row.dropped == {"held_out": 1, "exact_duplicate": 1}
    assert (row.seeds, row.read, row.tokens, row.first_step, row.last_step) == (2, 2, 54, 1, 7)
    assert row.missed == 0, "the rule that is to catch it is none of this recipe's"
    (row,) = canary_rows(study, {"unfiltered": RecipeLedgers(path)})
    assert (row.kept, row.read, row.tokens, row.first_step) == (2, None, None, None)


def test_what_a_trunk_read_counts_up_to_where_it_was_left(study: Study, tmp_path: Path) -> None:
    one, two, three, _ = planted(study)
    path = decided(tmp_path, {one: None, two: None, three: "ai_discourse"})
    folders = [tmp_path / name for name in ("own", "before")]
    for folder in folders:
        folder.mkdir()
    mix = packed(folders[0], [one], [(0, 0, 32, 0)])
    before = packed(folders[1], [three, two, one], [(0, 0, 32, 0), (1, 0, 32, 1), (2, 0, 8, 2)])
    own = [consumed(tmp_path / f"{seed}.parquet", {3: [0]}) for seed in (0, 1)]
    trunks = [
        consumed(tmp_path / "0-trunk.parquet", {1: [0], 2: [2], 3: [1]}),
        consumed(tmp_path / "1-trunk.parquet", {1: [0], 2: [2], 3: [1]}),
    ]
    ledgers = RecipeLedgers(path, mix, own, trunk=TrunkLedgers(before, trunks, 2))
    (row,) = canary_rows(study, {"filtered": ledgers})
    assert (row.seeds, row.read, row.tokens, row.first_step, row.last_step) == (2, 2, 72, 1, 3)


def test_what_only_a_skipped_step_read_is_not_trained_on(study: Study, tmp_path: Path) -> None:
    one, two, *_ = planted(study)
    path = decided(tmp_path, {one: None, two: None})
    mix = packed(tmp_path, [one, two], [(0, 0, 32, 0), (1, 0, 32, 1)])
    ledger = consumed(tmp_path / "0.parquet", {1: [0], 2: [1]}, skipped=2)
    (row,) = canary_rows(study, {"filtered": RecipeLedgers(path, mix, [ledger])})
    assert (row.read, row.tokens, row.first_step, row.last_step) == (1, 32, 1, 1)


def test_what_a_rule_let_through_and_what_was_lost_is_said(study: Study, tmp_path: Path) -> None:
    ids = planted(study)

    def outcome(rules: Mapping[str, str | None]) -> tuple[bool, str]:
        rows = canary_rows(study, {"filtered": RecipeLedgers(decided(tmp_path, rules))})
        (one,) = canary_outcomes(study, rows)
        return one.passed, one.summary

    caught = dict.fromkeys(ids, "ai_discourse")
    assert outcome(caught) == (
        True,
        "All 4 planted documents are accounted for, and what was to be caught was.",
    )
    # dropped for another reason before the rule was asked: no fault of the rule
    assert outcome({**caught, ids[0]: "held_out"})[0]
    assert outcome({**caught, ids[0]: None}) == (
        False,
        "filtered keeps 1 of 4, which ai_discourse was to drop.",
    )
    assert outcome({one: "ai_discourse" for one in ids[1:]}) == (
        False,
        "1 of 4 planted documents have no disposition under filtered: they were lost on the way.",
    )


def exposed(recipe: str, tokens: int, likeliest: int, bits: float = 5.0) -> CanaryRow:
    return CanaryRow(
        *("alarm", recipe, "stories", 4, 4, 4, {}, 0, 3),
        tokens=tokens,
        exposure={"base": bits},
        likeliest={"base": likeliest},
        probed=3,
        most=bits,
        by_chance=1.3,
    )


def test_the_last_stage_is_that_of_the_study() -> None:
    row = exposed("unfiltered", 90, 3)
    asked = [replace(row, exposure=dict.fromkeys(stages, 5.0)) for stages in (("base", "dpo"), ())]
    assert last_stage(asked) == "dpo"
    assert last_stage([*asked, replace(row, exposure={"dpo": 5.0, "grpo": 5.0})]) == "grpo"


def test_a_probe_betrays_what_was_learnt_and_nothing_else(study: Study) -> None:
    other = exposed("filtered", 0, 1)
    assert is_learnt(exposed("unfiltered", 90, 3), [other])
    assert not is_learnt(exposed("unfiltered", 90, 2), [other]), "one seed ranks another higher"
    assert not is_learnt(exposed("unfiltered", 0, 3), [other]), "nothing was read"
    assert not is_learnt(exposed("unfiltered", 90, 3), [exposed("filtered", 0, 3)]), "known before"
    assert not is_learnt(exposed("unfiltered", 90, 3, bits=2.0), [other]), "often by chance"
    (outcome,) = canary_outcomes(study, [exposed("unfiltered", 90, 3), other])
    assert outcome.passed
    assert outcome.sentences[1:] == (
        "Under unfiltered 3 of 3 completions are the likeliest of their candidates before "
        "post-training: exposure 5.00 bits of at most 5.00 (1.30 by chance, 5.00 under filtered "
        "without it): the model learnt it.",
    )
