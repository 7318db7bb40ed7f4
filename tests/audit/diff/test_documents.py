"""Every count of documents is exact: held against a plain recomputation in Python."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from alignment_dagster.audit.diff import dispositions
from alignment_dagster.audit.diff.documents import BY_RULE, BY_SOURCE, RAW
from alignment_dagster.audit.diff.examples import (
    EXAMPLES_EACH,
    cut_excerpt,
    find_changed_examples,
    find_raw_examples,
)
from alignment_dagster.audit.diff.items import find_item_changes
from alignment_dagster.audit.diff.score_bands import COUNTS, ScoreRule, split_bands
from alignment_dagster.audit.ledgers import fetch_rows

DOCUMENTS = 400
RULES = ("ai_discourse", "too_short", "held_out")
HOSTILE = "'); drop table changed; --\x1b[31m\u202e<b>\n"
Side = dict[str, dict[str, Any]]


def side(seed: int) -> Side:
    """Document → what was decided, and how many tokens of it the mix holds (None: not in it)."""
    draw = random.Random(seed)
    found: Side = {}
    for number in draw.sample(range(DOCUMENTS), DOCUMENTS - 40):
        kept = draw.random() < 0.7
        packed = draw.choice((None, 10, 20)) if kept else None
        found[f"d{number}"] = {
            "source": f"s{number % 3}", "rule": None if kept else draw.choice(RULES),
            "weight": draw.choice((1.0, 2.0)) if kept else 0.0, "packed": packed,
            "words": float(draw.randint(1, 40)),
        }  # fmt: skip
    return found


@pytest.fixture(scope="module")
def sides() -> tuple[Side, Side]:
    return side(1), side(2)


@pytest.fixture
def connection(sides: tuple[Side, Side]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        for schema, found in zip(("before", "after"), sides, strict=True):
            fill(made, schema, found)
        dispositions.fill_changes(made, ["r"])
        yield made


def fill(connection: duckdb.DuckDBPyConnection, schema: str, found: Side) -> None:
    connection.execute(f"create schema {schema}")
    columns = 'document_id varchar, source varchar, "group" varchar, recipe varchar'
    connection.execute(
        f"create table {schema}.dispositions ({columns}, use varchar, state varchar, rule varchar, "
        "value double, weight double)"
    )
    connection.execute(
        f"create table {schema}.mixes ({columns}, tokens bigint, packed_tokens bigint)"
    )
    connection.execute(
        f"create table {schema}.texts (document_id varchar, source varchar, position bigint, "
        'path varchar, line bigint, "text" varchar)'
    )
    for number, (name, one) in enumerate(found.items()):
        key = [name, one["source"], "g", "r"]
        state = "kept" if one["rule"] is None else "dropped"
        decided = [*key, "pretraining", state, one["rule"], one["words"], one["weight"]]
        connection.execute(
            f"insert into {schema}.dispositions values (?, ?, ?, ?, ?, ?, ?, ?, ?)", decided
        )
        if one["packed"] is not None:
            connection.execute(
                f"insert into {schema}.mixes values (?, ?, ?, ?, 10, ?)", [*key, one["packed"]]
            )
        connection.execute(
            f"insert into {schema}.texts values (?, ?, ?, 'f.jsonl', ?, ?)",
            [name, one["source"], number, number + 1, HOSTILE * 20],
        )


def decision(found: Side, name: str) -> str:
    if name not in found:
        return dispositions.ABSENT
    rule = found[name]["rule"]
    return dispositions.KEPT if rule is None else dispositions.DROPPED + rule


def packed(found: Side, name: str) -> int | None:
    return found[name]["packed"] if name in found else None


def test_counts_by_source_are_exact(
    connection: duckdb.DuckDBPyConnection, sides: tuple[Side, Side]
) -> None:
    old, new = sides
    wanted: dict[str, Counter[str]] = {}
    for name in {**old, **new}:
        source = (new.get(name) or old[name])["source"]
        counts = wanted.setdefault(source, Counter())
        was, now = packed(old, name), packed(new, name)
        counts.update(before=was is not None, after=now is not None)
        counts.update(tokens_before=was or 0, tokens_after=now or 0)
        counts.update(added=was is None and now is not None)
        counts.update(removed=was is not None and now is None)
        if was is not None and now is not None:
            counts.update(seen_more=now > was, seen_less=now < was)
        if decision(old, name) == decision(new, name) == dispositions.KEPT:
            counts.update(reweighted=old[name]["weight"] != new[name]["weight"])
    found = {row["source"]: row for row in fetch_rows(connection, BY_SOURCE, "r")}
    for source, counts in wanted.items():
        assert {name: found[source][name] for name in counts} == dict(counts)


def test_counts_by_rule_are_exact(
    connection: duckdb.DuckDBPyConnection, sides: tuple[Side, Side]
) -> None:
    old, new = sides
    wanted = Counter((decision(old, name), decision(new, name)) for name in {**old, **new})
    found: Counter[tuple[str, str]] = Counter()
    for row in fetch_rows(connection, BY_RULE):
        found[row["was"], row["now"]] += row["documents"]
    assert found == {pair: count for pair, count in wanted.items() if pair[0] != pair[1]}


def test_new_and_gone_documents_of_the_raw_corpus_are_counted(
    connection: duckdb.DuckDBPyConnection, sides: tuple[Side, Side]
) -> None:
    ids = [{name for name, one in found.items() if one["source"] == "s1"} for found in sides]
    (row,) = fetch_rows(connection, RAW, "s1")
    assert row == {
        "before": len(ids[0]), "after": len(ids[1]),
        "added": len(ids[1] - ids[0]), "gone": len(ids[0] - ids[1]),
    }  # fmt: skip


def test_bands_hold_every_document_once_and_begin_at_the_bounds(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute(
        "create temp table scored as select *, value_was as score_was, value_now as score_now "
        "from disposition_changes where was <> now or mix <> 'same'"
    )
    rule = ScoreRule("too_short", "text_stats", "words", None, (12.5, 13.5))
    edges, names = split_bands(connection, rule)
    assert {12.5, 13.5} <= set(edges)
    assert len(names) == len(edges) + 1
    assert "12.5 to < 13.5" in names
    found = fetch_rows(connection, COUNTS, edges, "dropped: too_short")
    (count,) = connection.execute("select count(*) from scored").fetchone() or (0,)
    assert sum(row["documents"] for row in found) == count > 0


def test_examples_are_few_harmless_and_say_where_they_stand(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    examples = [*find_changed_examples(connection), *find_raw_examples(connection, "s0")]
    kinds = Counter((one.recipe, one.source, one.what, one.mix) for one in examples)
    assert examples
    assert max(kinds.values()) <= EXAMPLES_EACH
    for one in examples:
        assert one.place.startswith("f.jsonl:")
        assert "\x1b" not in one.excerpt
        assert "\u202e" not in one.excerpt
        assert "\n" not in one.excerpt


def test_a_short_text_is_shown_whole_and_a_long_one_is_cut() -> None:
    assert cut_excerpt("two\n words") == "two words"
    assert len(cut_excerpt("x" * 500)) == 90


def test_items_are_told_apart_by_their_content() -> None:
    columns = (
        "suite varchar, item_id varchar, scenario_id varchar, topic varchar, question varchar, "
        "options varchar[], target tinyint, line bigint"
    )
    told = {
        "before": [("1", "one", "t", 1), ("2", "two", "t", 2), ("3", "three", "t", 3),
                   ("4", "four", "t", 4)],
        "after": [("1", "one", "t", 1), ("2b", "two!", "t", 2), ("3", "three", "u", 3),
                  ("5", "five", "t", 5)],
    }  # fmt: skip
    with duckdb.connect() as made:
        for schema, items in told.items():
            made.execute(f"create schema {schema}")
            made.execute(f"create table {schema}.questions ({columns})")
            for name, question, topic, line in items:
                made.execute(
                    f"insert into {schema}.questions values ('s', ?, ?, ?, ?, ['a', 'b'], 0, ?)",
                    [name, name, topic, question, line],
                )
        found = find_item_changes(made)
    assert [(one.what, one.line, one.question) for one in found] == [
        ("changed", 2, "two!"),
        ("regrouped", 3, "three"),
        ("removed", 4, "four"),
        ("added", 5, "five"),
    ]
