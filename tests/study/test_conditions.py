"""A comparison means in Python what it means in the warehouse, which decides."""

import re
from itertools import product

import duckdb
import pytest

from alignment_dagster.study.conditions import Comparison, Score
from alignment_dagster.study.recipes import DropRule
from alignment_dagster.warehouse.paths import PROJECT

MODEL = (PROJECT / "models" / "corpus" / "dispositions.sql").read_text(encoding="utf-8")
SCORES: tuple[Score, ...] = (None, 0, 2, 2.5, 3, True, False, "", "en", "de")
COMPARISONS = [
    *(
        Comparison("s", "c", operator, bound, (), negated)
        for operator, bound, negated in product(("above", "below"), (0.5, 2.0), (False, True))
    ),
    *(Comparison("s", "c", "one_of", None, texts, negated)
      for texts, negated in product((("en",), ("de", "en")), (False, True))),
]  # fmt: skip


@pytest.mark.parametrize("comparison", COMPARISONS, ids=str)
def test_it_holds_of_what_the_warehouse_says(comparison: Comparison) -> None:
    condition = re.search(r"where (case comparisons\.operator.*?negated)\n", MODEL, re.DOTALL)
    assert condition is not None
    given = [
        (score if not isinstance(score, str) else None, score if isinstance(score, str) else None)
        for score in SCORES
    ]
    with duckdb.connect() as connection:
        connection.execute('create table scores (place integer, value double, "text" varchar)')
        connection.executemany(
            "insert into scores values (?, ?, ?)",
            [(place, value, text) for place, (value, text) in enumerate(given)],
        )
        found = connection.execute(
            "with comparisons as (select ?::varchar as operator, ?::double as bound, "
            "?::varchar[] as texts, ?::boolean as negated) "
            f"select place from scores, comparisons where {condition.group(1)} order by place",
            [comparison.operator, comparison.bound, list(comparison.texts), comparison.negated],
        ).fetchall()
    assert [place for (place,) in found] == [
        place for place, score in enumerate(SCORES) if comparison.holds(score)
    ]


def test_of_a_rule_the_first_clause_that_holds_is_told() -> None:
    bounds = [{"scorer": "s", "column": name, "above": 1.0} for name in ("a", "b")]
    rule = DropRule.model_validate({"rule": "r", "any": bounds})
    assert [one.column for one in rule.met({"s.a": 0, "s.b": 2}) or ()] == ["b"]
    assert [one.column for one in rule.met({"s.a": 2, "s.b": 2}) or ()] == ["a"]
    assert rule.met({"s.a": 1, "s.b": None}) is None
