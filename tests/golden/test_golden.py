"""Nobody changes what a step makes and forgets to raise its code version."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.chain import CHAIN, HARNESS
from alignment_dagster.evaluation.harness.installed import lm_eval_installed
from tests.golden.content import Kind, pin, same
from tests.golden.optional_steps import make_optional
from tests.golden.pins import (
    GOLDEN,
    Entries,
    Entry,
    collect,
    find_problems,
    read_golden,
    write_golden,
)
from tests.support.audited_study import Audited
from tests.support.lexicons import write_lexicons


@pytest.mark.slow
def test_what_every_step_makes_is_golden(
    audited: Audited, refreshed: Audited, tmp_path: Path
) -> None:
    optional = make_optional(refreshed, tmp_path / "optional")
    entries = collect(audited.archive, optional, write_lexicons(tmp_path))
    golden = {
        name: entry
        for name, entry in read_golden().items()
        if lm_eval_installed() or not name.startswith(f"{HARNESS}[")
    }
    problems = [one.message for one in find_problems(golden, entries)]
    assert not problems, "\n".join(problems)


def test_every_step_is_pinned() -> None:
    assert {name.partition("[")[0] for name in read_golden()} >= CHAIN.keys()


def test_the_golden_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_golden(read_golden(), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == GOLDEN.read_bytes()


def _entries(**changes: Entry) -> Entries:
    """Two mixes and a checkpoint, with some of them changed."""
    mix = Entry("1", "i", {"spans.parquet": {"exact": "a"}, "sequences.npy": {"exact": "a"}})
    made = replace(mix, files={"log": {"exact": "a"}}, parents=(("curated_mix[a]", None),))
    other = replace(mix, parents=(("tokenizer", None),))
    return {
        "tokenizer": replace(mix, files={"tokenizer.json": {"exact": "a"}}),
        "curated_mix[a]": changes.get("mix", other),
        "curated_mix[b]": other,
        "pretrained_checkpoint[a|0]": changes.get("checkpoint", made),
    }


def _said(entries: Entries) -> list[str]:
    return [one.message for one in find_problems(_entries(), entries)]


GOLDEN_MIX = _entries()["curated_mix[a]"]
OTHER_SPANS = replace(GOLDEN_MIX, files={**GOLDEN_MIX.files, "spans.parquet": {"exact": "b"}})
AGAIN = "write the golden file again with `python -m tests.golden`"


def test_other_bytes_under_the_same_version_are_named_with_the_step() -> None:
    assert _said(_entries()) == []
    assert _said(_entries(mix=OTHER_SPANS)) == [
        "curated_mix[a]: spans.parquet is other than golden and the code version is still 1: raise "
        f"Step.code_version (alignment_dagster/steps/curated_mix.py), then {AGAIN}"
    ]
    (found,) = find_problems(_entries(), _entries(mix=OTHER_SPANS))
    assert found.forgotten


def test_what_follows_from_a_parent_is_no_mistake_of_its_own() -> None:
    checkpoint = _entries()["pretrained_checkpoint[a|0]"]
    moved = replace(checkpoint, files={"log": {"exact": "b"}})
    (said,) = _said(_entries(mix=OTHER_SPANS, checkpoint=moved))
    assert said.startswith("curated_mix[a]: spans.parquet is other")
    (said,) = _said(_entries(checkpoint=moved))
    assert said.startswith("pretrained_checkpoint[a|0]: log is other")


def test_a_raised_version_needs_a_golden_file_of_its_own() -> None:
    for raised in (replace(GOLDEN_MIX, version="2"), replace(OTHER_SPANS, version="2")):
        assert _said(_entries(mix=raised)) == [
            f"curated_mix[a]: its code is version 2, and the golden file holds 1: {AGAIN}"
        ]
        assert not any(one.forgotten for one in find_problems(_entries(), _entries(mix=raised)))


def test_other_inputs_are_named_because_they_make_every_lake_stale() -> None:
    (said,) = _said(_entries(mix=replace(GOLDEN_MIX, inputs="j")))
    assert "every lake makes it again: if that is meant, write" in said


def test_content_counts_and_not_the_bytes_of_a_file(tmp_path: Path) -> None:
    table = pa.table({"n": [1, 2], "loss": [0.5, 0.25]})
    kind = Kind.read({"near": ["loss"]})

    def pinned(name: str, content: pa.Table, **options: str) -> dict[str, object]:
        pq.write_table(content, tmp_path / name, **options)
        return dict(pin(tmp_path / name, kind))

    first = pinned("a.parquet", table)
    assert same(first, pinned("b.parquet", table, compression="zstd"))
    rounded = table.set_column(1, "loss", pa.array([0.5000001, 0.25]))
    assert same(first, pinned("c.parquet", rounded))
    for other in (
        table.set_column(1, "loss", pa.array([0.51, 0.25])),
        table.set_column(1, "loss", pa.array([0.5, None])),
        table.set_column(0, "n", pa.array([1, 3])),
        table.set_column(0, "n", pa.array([1, 2], pa.int32())),
        table.slice(0, 1),
    ):
        assert not same(first, pinned("d.parquet", other))
