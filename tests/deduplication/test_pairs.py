"""Near duplicates are those that comparing every two documents finds, and no others."""

import itertools
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alignment_dagster.deduplication import candidates as candidates_module
from alignment_dagster.deduplication import earlier_search
from alignment_dagster.deduplication import pairs as pairs_module
from alignment_dagster.deduplication.digests import parts_of, read_digests, write_digests
from alignment_dagster.deduplication.documents import DistinctDocuments
from alignment_dagster.deduplication.earlier_search import Parted, read_search, save_search
from alignment_dagster.deduplication.gone import find_gone
from alignment_dagster.deduplication.measure import Measure
from alignment_dagster.deduplication.pairs import Known, Pairs, find_pairs
from alignment_dagster.deduplication.selection import select_kept
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.scoring.normalise import normalise

SIZE = 3
WORDS = [f"w{number}" for number in range(60)]
Found = dict[tuple[int, int], float]


def texts(count: int, seed: int = 0) -> list[str]:
    """Random texts of few words, most of them altered copies of others."""
    draw = random.Random(seed)
    made: list[str] = []
    for _ in range(count):
        if made and draw.random() < 0.7:
            words = draw.choice(made).split()
            for _ in range(draw.choice([0, 0, 1, 1, 2, 5])):
                if words:
                    words[draw.randrange(len(words))] = draw.choice(WORDS)
            if draw.random() < 0.3:
                words += draw.choices(WORDS, k=draw.randrange(30))
        else:
            words = draw.choices(WORDS, k=draw.randrange(40))
        made.append(" ".join(words))
    return made


def documents(folder: Path, made: Sequence[str], shard: int = 40) -> DistinctDocuments:
    paths = []
    for start in range(0, len(made), shard):
        part = made[start : start + shard]
        path = folder / f"{sha256_text(*part, str(start))}.parquet"
        folder.mkdir(exist_ok=True)
        ids = [str(start + number) for number in range(len(part))]
        pq.write_table(pa.table({"document_id": ids, "text": part}), path, row_group_size=16)
        paths += [write_digests(one, SIZE, folder) for one in parts_of(path, path.stem)]
    return DistinctDocuments([batch for path in paths for batch in read_digests(path)])


def sets(made: Iterable[str]) -> list[set[tuple[str, ...]]]:
    found = []
    for words in map(normalise, made):
        grams = {tuple(words[i : i + SIZE]) for i in range(max(1, len(words) - SIZE + 1))}
        found.append(grams if words else set())
    return found


def brute_force(made: Sequence[str], kind: str, threshold: float) -> Found:
    """By Python's own sets, over every two distinct texts."""
    grams, words = sets(made), [tuple(normalise(text)) for text in made]
    first = [words.index(one) == number for number, one in enumerate(words)]
    found = {}
    for earlier, later in itertools.combinations(range(len(made)), 2):
        if first[earlier] and first[later] and grams[earlier] and grams[later]:
            one, other = grams[earlier], grams[later]
            either = one | other if kind == "jaccard" else other
            similarity = len(one & other) / len(either)
            if similarity >= threshold:
                found[later, earlier] = similarity
    return found


def as_dict(pairs: Pairs) -> Found:
    keys = zip(pairs.later.tolist(), pairs.earlier.tolist(), strict=True)
    return dict(zip(keys, pairs.similarity.tolist(), strict=True))


@pytest.mark.parametrize("kind", ["jaccard", "containment"])
@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95, 1.0])
def test_every_pair_at_or_above_the_threshold_is_found_and_no_other(
    tmp_path: Path,
    kind: Literal["jaccard", "containment"],
    threshold: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where shingles are common, and candidates are looked at a few at a time."""
    monkeypatch.setattr(pairs_module, "MOST_NEIGHBOURS", 1000)
    monkeypatch.setattr(pairs_module, "LOOKED_AT", 3)
    made = texts(300)
    found = documents(tmp_path, made)
    wanted = brute_force(made, kind, threshold)
    assert as_dict(find_pairs(found, Measure(kind, threshold))) == wanted
    assert len(wanted) > 20 or threshold > 0.9
    monkeypatch.setattr(candidates_module, "COMMON", 2)
    monkeypatch.setattr(candidates_module, "MOST_PAIRS", 50)
    assert as_dict(find_pairs(found, Measure(kind, threshold))) == wanted


def test_of_many_neighbours_the_earliest_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_module, "MOST_NEIGHBOURS", 3)
    monkeypatch.setattr(pairs_module, "LOOKED_AT", 4)
    made = texts(300)
    listed: Found = {}
    for pair, similarity in sorted(brute_force(made, "jaccard", 0.6).items()):
        if sum(later == pair[0] for later, _ in listed) < 3:
            listed[pair] = similarity
    found = find_pairs(documents(tmp_path, made), Measure("jaccard", 0.6))
    assert as_dict(found) == listed
    assert max(np.unique(found.later, return_counts=True)[1]) == 3


@pytest.mark.parametrize("kind", ["jaccard", "containment"])
def test_what_was_found_before_need_not_be_looked_for_again(
    tmp_path: Path, kind: Literal["jaccard", "containment"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_module, "MOST_NEIGHBOURS", 1000)
    made = texts(200)
    measure = Measure(kind, 0.7)
    whole = documents(tmp_path, made)
    is_old = np.array([draw < 0.8 for draw in np.random.default_rng(0).random(200)])
    every = find_pairs(whole, measure)
    known = Known(is_old, every.of(is_old[every.later] & is_old[every.earlier]))
    assert as_dict(find_pairs(whole, measure, known)) == as_dict(every)


def test_a_document_is_removed_only_for_a_kept_one_and_later_ones_change_nothing(
    tmp_path: Path,
) -> None:
    made = texts(300)
    measure = Measure("jaccard", 0.6)
    pairs = find_pairs(documents(tmp_path, made), measure)
    chosen = select_kept(pairs)
    removed = set(chosen.later.tolist())
    assert removed.isdisjoint(chosen.earlier.tolist())
    assert min(chosen.similarity) >= 0.6
    both_kept = [pair for pair in brute_force(made, "jaccard", 0.6) if removed.isdisjoint(pair)]
    assert not both_kept
    before = select_kept(find_pairs(documents(tmp_path / "before", made[:200]), measure))
    assert before.later.tolist() == [one for one in chosen.later.tolist() if one < 200]
    assert as_dict(before).items() <= as_dict(chosen).items()


def test_a_chain_of_small_changes_is_not_one_cluster(tmp_path: Path) -> None:
    """Each text is like the one before it; the third is not like the first, and stays."""
    words = [f"v{number}" for number in range(20)]
    chain = [" ".join(words[start : start + 14]) for start in (0, 2, 4)]
    found = find_pairs(documents(tmp_path, chain), Measure("jaccard", 0.7))
    assert as_dict(found) == {(1, 0): 10 / 14, (2, 1): 10 / 14}
    assert as_dict(select_kept(found)) == {(1, 0): 10 / 14}


def test_digests_are_the_same_in_every_process_and_written_once(tmp_path: Path) -> None:
    path = tmp_path / "documents.parquet"
    pq.write_table(pa.table({"document_id": ["a", "b"], "text": ["One, two: ÉTÉ!", ""]}), path)
    (part,) = parts_of(path, "digest")
    written = write_digests(part, 2, tmp_path / "digests")
    (batch,) = read_digests(written)
    assert batch["shingles"].to_pylist() == [[1313368069900748512, 2270908317851044450], []]
    made = written.stat().st_mtime_ns
    assert write_digests(part, 2, tmp_path / "digests") == written
    assert written.stat().st_mtime_ns == made
    assert part.name(2) != part.name(3)


def test_a_search_is_taken_up_again_where_documents_came_and_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever came, went, or has become the first of its copies, and however many are listed."""
    made, measure, kept = texts(300), Measure("jaccard", 0.6), tmp_path / "search.npz"
    for most in (1000, 2):
        monkeypatch.setattr(pairs_module, "MOST_NEIGHBOURS", most)
        monkeypatch.setattr(earlier_search, "MOST_NEIGHBOURS", most)
        for parts in ([1, 2, 3], [1, 2, 3, 4], [0, 1, 3, 4], [3, 5], [5, 3]):
            named = [(str(one), _digested(tmp_path, made, one)) for one in parts]
            parted = Parted.of(named)
            known = read_search(kept, parted)
            found = find_pairs(parted.documents, measure, known)
            assert as_dict(found) == as_dict(find_pairs(parted.documents, measure))
            assert (known is None) == (parts in ([1, 2, 3], [5, 3]))
            save_search(kept, parted, found)
        kept.write_bytes(kept.read_bytes()[:-40])
        assert read_search(kept, parted) is None


def _digested(folder: Path, made: Sequence[str], part: int) -> list[pa.RecordBatch]:
    return list(documents(folder, made[part * 50 : part * 50 + 50]).batches)


@pytest.mark.parametrize("kind", ["jaccard", "containment"])
def test_what_is_like_a_document_that_is_gone_is_found(
    tmp_path: Path, kind: Literal["jaccard", "containment"]
) -> None:
    """Of documents 0 to 129 those before 100 are gone; 100 to 219 are there, from 130 on new."""
    made = texts(220, seed=3)
    batches = documents(tmp_path, made).batches
    was, now = (
        [one.filter(pc.is_in(one["document_id"], pa.array(map(str, ids)))) for one in batches]
        for ids in (range(130), range(100, 220))
    )
    grams, words = sets(made), [tuple(normalise(text)) for text in made]
    expected = {}
    for later in range(130, 220):
        if words[later] in words[100:later] or not words[later]:
            continue
        for earlier in range(100):
            either = grams[earlier] | grams[later] if kind == "jaccard" else grams[later]
            alike = len(grams[earlier] & grams[later]) / len(either)
            similarity = 1.0 if words[earlier] == words[later] else alike
            if similarity >= 0.6 and similarity > expected.get(later, (0.0, 0))[0]:
                expected[later] = similarity, earlier
    found = find_gone(was, now, Measure(kind, 0.6))
    told = {
        int(one): (similarity, int(cause)) for one, cause, similarity in zip(*found, strict=True)
    }
    assert {one: pair for one, pair in told.items() if words[one]} == expected
    assert len(expected) >= 20
    assert find_gone(now, now, Measure(kind, 0.6)) == ([], [], [])
