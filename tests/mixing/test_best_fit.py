"""Packed by best fit, documents stay whole where they fit, and every position holds a token."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.check.mixes import find_uncovered
from alignment_dagster.mixing.best_fit import lay_out
from alignment_dagster.mixing.boundaries import Boundary
from alignment_dagster.mixing.mix import count_whole_copies, decode_texts, group_shares
from alignment_dagster.mixing.tokenizer import end_of_text, load_tokenizer
from tests.support.tiny_mix import MIX, TEXTS, build, make_inputs

BEST_FIT = MIX.model_copy(update={"packing": "best_fit"})


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return build(make_inputs(tmp_path / "in"), tmp_path / "mix", mix=BEST_FIT)


def spans(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "spans.parquet").to_pylist()
    return rows


def sizes(kind: str, length: int) -> np.ndarray:
    """Of copies that fill sequences exactly; the last one is cut."""
    draw = np.random.default_rng(3)
    found = {
        "usual": np.clip(draw.lognormal(4, 1, 3000), 2, None),
        "hard": np.full(900, 0.6 * length),
        "long": draw.integers(length, 5 * length, 50),
        "even": np.full(60, length),
    }[kind].astype(np.int64)
    ends = np.cumsum(found)
    total = ends[-1] // length * length
    used = int(np.searchsorted(ends, total)) + 1
    found = found[:used].copy()
    found[-1] -= ends[used - 1] - total
    return found


@pytest.mark.parametrize("kind", ["usual", "hard", "long", "even"])
def test_every_position_is_filled_and_nothing_lies_twice(kind: str) -> None:
    given = sizes(kind, 200)
    pieces = lay_out(given, 200)
    columns = {"sequence": pieces.sequence, "start": pieces.start}
    columns["end"] = pieces.start + pieces.size
    assert find_uncovered(columns, (int(given.sum()) // 200, 200)) is None
    order = np.lexsort((pieces.begin, pieces.copy))
    copy, begin, size = pieces.copy[order], pieces.begin[order], pieces.size[order]
    first = np.diff(copy, prepend=-1) > 0
    assert (begin[first] == 0).all()
    assert (begin[1:][~first[1:]] == (begin + size)[:-1][~first[1:]]).all()
    assert (np.bincount(copy, size) == given).all()


def test_documents_that_fit_stay_whole_but_for_a_few() -> None:
    """Of end to end packing a third of these tokens lies in documents that are cut."""
    given = sizes("usual", 200)
    pieces = lay_out(given, 200)
    cut = (np.bincount(pieces.copy) > 1) & (given <= 200)
    assert given[cut].sum() < 0.02 * given.sum()
    ends = np.cumsum(given)
    torn = ((ends - 1) // 200 != (ends - given) // 200) & (given <= 200)
    assert given[torn].sum() > 0.2 * given.sum()


def test_each_goes_where_it_leaves_the_least_room() -> None:
    pieces = lay_out(np.array([3, 6, 4, 7]), 10)
    placed = dict(zip(pieces.copy.tolist(), pieces.sequence.tolist(), strict=True))
    assert placed[3] == placed[0]
    assert placed[1] == placed[2]


def test_a_mix_holds_the_tokens_that_its_spans_name(packed: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tmp_path / "in" / "tokenizer")
    end = end_of_text(tmp_path / "in" / "tokenizer", tokenizer)
    sequences = np.load(packed / "sequences.npy")
    ids = pq.read_table(packed / "documents.parquet")["document_id"].to_pylist()
    for row in spans(packed):
        tokens = [*tokenizer.encode(TEXTS[ids[row["document"]]][1]).ids, end]
        length = row["end"] - row["start"]
        expected = tokens[row["document_start"] : row["document_start"] + length]
        assert sequences[row["sequence"], row["start"] : row["end"]].tolist() == expected
    assert group_shares(packed)["aligned"] == pytest.approx(0.25, abs=0.01)
    texts = dict(decode_texts(packed, tmp_path / "in" / "tokenizer"))
    whole = [key for key, text in texts.items() if TEXTS[key][1] == text]
    assert len(whole) >= len(texts) - 1
    found = count_whole_copies(packed, 40)
    torn = count_whole_copies(build(make_inputs(tmp_path / "again"), tmp_path / "end_to_end"), 40)
    assert found.fitting == torn.fitting
    assert found.cropped == torn.cropped < 40
    assert found.fitting - found.whole < 0.5 * (torn.fitting - torn.whole)


def test_a_document_begins_with_what_closed_the_one_before(packed: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tmp_path / "in" / "tokenizer")
    end = end_of_text(tmp_path / "in" / "tokenizer", tokenizer)
    sequences, found = (np.load(packed / name) for name in ("sequences.npy", "boundaries.npy"))
    expected = np.zeros_like(found)
    before: dict[str, Any] = {}
    for row in spans(packed):
        closed = bool(before) and sequences[before["sequence"], before["end"] - 1] == end
        follows = row["start"] > 0 and row["document_start"] == 0 and closed
        at = row["start"] - 1 if follows else row["start"]
        if not (follows and expected[row["sequence"], at]):
            expected[row["sequence"], at] = Boundary.CLOSES if follows else Boundary.BEGINS
        before = row
    assert (found == expected).all()
    assert set(np.unique(found)) == set(Boundary)


def test_the_same_inputs_give_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    again = build(make_inputs(tmp_path / "again"), tmp_path / "other", mix=BEST_FIT)
    for path in packed.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_what_says_nothing_of_packing_is_declared_as_before() -> None:
    assert "packing" not in MIX.model_dump()
    assert BEST_FIT.model_dump()["packing"] == "best_fit"
