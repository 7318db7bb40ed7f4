"""Each measure gives the value that can be worked out by hand, and 0 where nothing moved."""

import math
import random
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from alignment_dagster.drift import Change, Rule, duplicates, filter_rates, measure, volume
from alignment_dagster.drift import languages as languages_of
from alignment_dagster.drift.new_terms import find_new_terms
from alignment_dagster.drift.sample import MOST_CHARACTERS, Sample
from alignment_dagster.drift.scores import bin_edges, stability_index
from alignment_dagster.drift.scripts import count_scripts, script
from tests.support.sources_of_words import snapshot

SHORT = Rule("too_short", "text_stats", "words", above=False, bound=3.0)
STORIES = tuple(f"Ann went to the mill in the year {n} and it was late." for n in range(40))


def values(changes: list[Change]) -> dict[str, float | None]:
    return {one.column: one.value for one in changes}


def test_the_same_data_gives_exactly_zero_everywhere() -> None:
    texts = [*STORIES, "", "no", "Привет мир", "🙂🙂", "a robot destroyed the town", "x" * 5000]
    changes, terms = measure(snapshot(texts), snapshot(texts), (SHORT,))
    assert len(changes) > 10
    assert {one.value for one in changes} == {0.0}
    assert terms == []


def test_the_order_of_documents_does_not_matter() -> None:
    shuffled = random.Random(0).sample(STORIES, len(STORIES))
    changes, _ = measure(snapshot(shuffled), snapshot(STORIES), (SHORT,))
    assert {one.value for one in changes} == {0.0}


def test_without_an_earlier_version_nothing_is_compared() -> None:
    changes, terms = measure(snapshot(STORIES), None, (SHORT,))
    assert {one.value for one in changes} == {None}
    assert {one.then for one in changes} == {None}
    assert terms == []


def test_a_source_that_halves_has_moved_by_a_half() -> None:
    found = values(volume.measure(snapshot(["abcd"] * 5), snapshot(["abcd"] * 10)))
    assert found == {"documents": 0.5, "characters": 0.5}
    grown = values(volume.measure(snapshot(["abcdef"] * 3), snapshot(["ab"] * 2)))
    assert grown == {"documents": 0.5, "characters": 3.5}


def test_the_index_of_two_bins_is_the_one_worked_out_by_hand() -> None:
    # a flag on 2 of 10 documents then, and on 5 of 10 now
    then = np.array([0.0] * 8 + [1.0] * 2)
    now = np.array([0.0] * 5 + [1.0] * 5)
    by_hand = (0.5 - 0.8) * math.log(0.5 / 0.8) + (0.5 - 0.2) * math.log(0.5 / 0.2)
    assert stability_index(then, now) == pytest.approx(by_hand, rel=1e-12)
    assert by_hand == pytest.approx(0.41589, abs=1e-5)


def test_the_index_over_deciles_is_the_one_worked_out_by_hand() -> None:
    # deciles of 1..100 then; now the upper half only: five bins are empty, five hold 20 each
    then, now = np.arange(1.0, 101.0), np.arange(51.0, 101.0)
    assert bin_edges(then).tolist() == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    empty = (0.01 - 0.1) * math.log(0.01 / 0.1)  # half a document of 50
    full = (0.2 - 0.1) * math.log(0.2 / 0.1)
    assert stability_index(then, now) == pytest.approx(5 * (empty + full), rel=1e-12)


def test_a_move_away_from_the_one_value_that_all_had_is_seen_on_either_side() -> None:
    then = np.full(100, 1.0)
    for other in (0.4, 1.6):
        now = np.array([1.0] * 50 + [other] * 50)
        by_hand = (0.5 - 1) * math.log(0.5) + (0.5 - 0.005) * math.log(0.5 / 0.005)
        assert stability_index(then, now) == pytest.approx(by_hand, rel=1e-12)


def test_one_changed_document_of_a_source_of_one_weighs_less_than_a_changed_source() -> None:
    assert stability_index(np.array([7.0]), np.array([8.0])) == pytest.approx(math.log(2))
    assert stability_index(np.full(200, 7.0), np.full(200, 8.0)) > 10


def test_a_rate_is_that_of_the_declared_rule() -> None:
    then = snapshot(["one two three four"] * 9 + ["one"])
    now = snapshot(["one two three four"] * 6 + ["one two"] * 4)
    (found,) = filter_rates.measure(now, then, (SHORT,))
    assert (found.then, found.now) == (pytest.approx(0.1), pytest.approx(0.4))
    assert found.value == pytest.approx(0.3)
    assert found.column == "too_short: text_stats.words below 3"


def test_a_score_that_was_not_there_is_not_compared() -> None:
    then, now = snapshot(STORIES), snapshot(STORIES)
    scores = {name: one for name, one in then.scores.items() if name != "text_stats"}
    fewer = replace(then, scores=scores)
    changes, _ = measure(now, fewer, (SHORT,))
    assert values(changes)["text_stats.words"] is None
    assert values(changes)[SHORT.title] is None
    assert values(changes)["ai_discourse.flagged"] == 0.0


def test_repeated_rows_and_texts_that_differ_in_writing_only_are_duplicates() -> None:
    then = snapshot(["one", "two", "three", "four"])
    now = snapshot(["one", "ONE!", "three", "four"], occurrences=[3, 1, 1, 1])
    (found,) = duplicates.measure(now, then)
    assert (found.then, found.now, found.value) == (0.0, 0.5, 0.5)


def test_letters_are_counted_by_script_whatever_their_bytes() -> None:
    text = "ab é ß жд 漢字 ひ 한 𐍈 ٣ 🙂 \u202e_1"
    counted = count_scripts(pa.chunked_array([pa.array(["skipped", text, None, ""])[1:]]))
    expected = {"LATIN": 4, "CYRILLIC": 2, "CJK": 2, "HIRAGANA": 1, "HANGUL": 1, "GOTHIC": 1}
    assert counted == expected
    assert counted.total() == sum(script(one) is not None for one in text)


def test_a_text_longer_than_a_block_loses_no_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    from alignment_dagster.drift import scripts

    monkeypatch.setattr(scripts, "BLOCK", 7)
    counted = scripts.count_scripts(pa.chunked_array([["aé漢𐍈" * 50, "ж" * 9]]))
    assert counted == {"LATIN": 100, "CJK": 50, "GOTHIC": 50, "CYRILLIC": 9}


def languages_moved(now: list[str], then: list[str]) -> list[Change]:
    later, earlier = snapshot(now), snapshot(then)
    return languages_of.measure(later, earlier)


def test_another_language_in_the_same_script_is_seen() -> None:
    english = [f"It is the end of the day and he was in the town {n}." for n in range(6)]
    german = [f"Das ist der Tag und ich bin nicht mit dem Zug von dort {n}." for n in range(2)]
    now = [*english[:4], *german]
    assert languages_of.count_languages(snapshot(now).sample) == {"en": 4, "de": 2}
    found = values(languages_moved(now, english))
    assert found["languages of documents"] == pytest.approx(1 / 3)
    assert found["scripts of letters"] == 0.0


def test_another_script_is_seen() -> None:
    (scripts, _) = languages_moved(["abcd", "abcd", "жжжж", "дддд"], ["abcd"] * 4)
    assert (scripts.then, scripts.now, scripts.value) == (1.0, 0.5, 0.5)


def test_a_term_is_new_where_many_documents_hold_it_and_hardly_any_did() -> None:
    now = [*STORIES[:30], *(f"zyzzyva in the mill {n}" for n in range(10))]
    found = find_new_terms(snapshot(now).sample, snapshot(STORIES).sample)
    assert [one.term for one in found] == ["zyzzyva"]
    (only,) = found
    assert (only.documents_then, only.documents_now, only.share_now) == (0, 10, 0.25)
    assert only.times == pytest.approx(21.0)
    changes, _ = measure(snapshot(now), snapshot(STORIES), ())
    assert values(changes)["most frequent new term"] == 0.25


def test_of_a_script_without_spaces_the_pairs_of_letters_are_terms() -> None:
    then = [f"今天天气很好 {n}" for n in range(40)]
    now = [*then[:30], *(f"今天机器人来了 {n}" for n in range(10))]
    found = find_new_terms(snapshot(now).sample, snapshot(then).sample)
    assert {one.term for one in found} == {"天机", "机器", "器人", "人来", "来了"}


def test_a_term_of_few_documents_is_not_frequent() -> None:
    now = [*STORIES, *(f"zyzzyva in the mill {n}" for n in range(4))]
    assert find_new_terms(snapshot(now).sample, snapshot(STORIES).sample) == []


def test_a_large_source_is_sampled_alike_in_two_versions() -> None:
    length = MOST_CHARACTERS // 100
    ids = [f"{n:03d}" for n in range(300)]
    table = pa.table({"document_id": ids, "characters": pa.array([length] * 300), "text": ids})
    mixed = table.take(random.Random(1).sample(range(300), 300))
    assert sampled(mixed) == ids[:100]
    fewer = sampled(mixed.filter(pa.compute.not_equal(mixed["document_id"], "050")))
    assert set(fewer) == {*ids[:101]} - {"050"}


def sampled(table: pa.Table) -> list[str]:
    """The ids in a sample, which are the same whatever the pieces are in which documents come."""
    found = []
    for piece in (7, 300):
        sample = Sample()
        for start in range(0, table.num_rows, piece):
            sample.add(table.slice(start, piece))
        found.append(sample.documents["document_id"].to_pylist())
    assert found[0] == found[1]
    ids: list[str] = found[0]
    return ids
