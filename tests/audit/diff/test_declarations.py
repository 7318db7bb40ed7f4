"""Declarations are compared field by field, whatever their shape."""

from typing import Any

import pytest

from alignment_dagster.audit.diff.declarations import (
    ABSENT,
    FieldChange,
    compare_declarations,
    format_path,
    format_value,
)


def found(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    return [
        (format_path(one.path), one.before, one.after)
        for one in compare_declarations(before, after)
    ]


def test_the_same_declaration_differs_in_nothing() -> None:
    declared = {"a": [1, {"name": "x", "b": None}], "c": {"d": 0.5}}
    assert found(declared, {"c": {"d": 0.5}, "a": [1, {"b": None, "name": "x"}]}) == []


def test_a_path_names_elements_and_rules() -> None:
    before = {"recipes": [{"name": "filtered", "drop": [{"rule": "ai", "above": 0.5}]}]}
    after = {"recipes": [{"name": "filtered", "drop": [{"rule": "ai", "above": 0.4}]}]}
    assert found(before, after) == [("recipes.filtered.drop[ai].above", 0.5, 0.4)]


def test_one_more_rule_in_front_changes_no_other() -> None:
    rules = [{"rule": "a", "above": 1.0}, {"rule": "b", "above": 2.0}]
    new = {"rule": "c", "above": 3.0}
    assert found({"drop": rules}, {"drop": [new, *rules]}) == [("drop[c]", ABSENT, new)]


def test_another_order_of_rules_is_a_change() -> None:
    rules = [{"rule": "a"}, {"rule": "b"}]
    assert found({"drop": rules}, {"drop": rules[::-1]}) == [
        ("drop.order", ["[a]", "[b]"], ["[b]", "[a]"])
    ]


def test_elements_without_a_name_of_their_own_are_numbered() -> None:
    twice = [{"rule": "a", "above": 1.0}, {"rule": "a", "above": 2.0}]
    other = [{"rule": "a", "above": 1.0}, {"rule": "a", "above": 9.0}]
    assert found({"drop": twice}, {"drop": other}) == [("drop[1].above", 2.0, 9.0)]


@pytest.mark.parametrize(
    ("before", "after"), [(1, 1.0), (True, 1), (None, ""), ([], {}), ([1, 2], [2, 1]), ("1", 1)]
)
def test_values_that_python_takes_for_equal_or_nearly_so_differ(before: Any, after: Any) -> None:
    assert list(compare_declarations({"x": before}, {"x": after})) == [
        FieldChange(("x",), before, after)
    ]


def test_a_field_that_one_side_lacks_is_no_null() -> None:
    assert found({}, {"x": None}) == [("x", ABSENT, None)]
    assert format_value(ABSENT) == "(none)"
    assert format_value(None) == "null"


def test_a_long_value_is_cut() -> None:
    assert len(format_value({"x": "y" * 1000})) <= 120
