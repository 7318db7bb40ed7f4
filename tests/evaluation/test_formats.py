"""Prompts say what the item says, in every form; only forms that list options have two orders."""

from pathlib import Path
from typing import Any

import pytest
from drill_items import SuiteMaker, scenario

from alignment_dagster.errors import DeclarationError
from alignment_dagster.evaluation.formats import FORMS, SYSTEM_PROMPTS, Prompt, prompts
from alignment_dagster.evaluation.suites import load_suite


def asked(make_suite: SuiteMaker, assets: Path, **declared: Any) -> list[Prompt]:
    suite = make_suite([declared.pop("row", scenario())], **declared)
    return list(prompts(suite, load_suite(suite, assets)))


def test_orders_double_only_where_options_are_listed(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    made = asked(make_suite, tmp_path, formats=tuple(FORMS), system_prompts=tuple(SYSTEM_PROMPTS))
    orders = {name: {p.option_order for p in made if p.format == name} for name in FORMS}
    assert orders.pop("listed") == orders.pop("letter") == {0, 1}
    assert set(map(frozenset, orders.values())) == {frozenset({0})}
    assert len({(p.format, p.option_order, p.system_prompt) for p in made}) == len(made) == 7 * 4


def test_reversing_swaps_what_is_listed_and_not_what_is_scored(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    given, turned = asked(make_suite, tmp_path, formats=("listed",))
    assert given.plain.index("truth") < given.plain.index("hid the whole")
    assert turned.plain.index("truth") > turned.plain.index("hid the whole")
    assert given.answers == turned.answers == given.item.options


def test_letters_follow_the_order_shown(make_suite: SuiteMaker, tmp_path: Path) -> None:
    given, turned = asked(make_suite, tmp_path, formats=("letter",))
    assert (given.answers, turned.answers) == (("A", "B"), ("B", "A"))
    assert "(A) It told the truth." in given.plain
    assert "(B) It told the truth." in turned.plain
    assert not given.by_token


def test_item_text_is_never_a_format_string(make_suite: SuiteMaker, tmp_path: Path) -> None:
    text = "A note says {0} {item.__class__} %s ${HOME} {{ 7 * 7 }}."
    for prompt in asked(make_suite, tmp_path, row=scenario(scenario=text), formats=tuple(FORMS)):
        assert text in prompt.plain
        assert text in prompt.message


@pytest.mark.parametrize("field", ["formats", "system_prompts"])
def test_an_unknown_name_is_refused_with_what_is_known(
    make_suite: SuiteMaker, tmp_path: Path, field: str
) -> None:
    with pytest.raises(DeclarationError, match=f"suite drill: {field}: unknown name 'sonnet'"):
        asked(make_suite, tmp_path, **{field: ("sonnet",)})
