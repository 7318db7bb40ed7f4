"""Prompts say what the item says, in every form; only forms that list options have two orders."""

from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.evaluation.suites.formats import (
    FORMS,
    SYSTEM_PROMPTS,
    Prompt,
    make_prompts,
)
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import DeclarationError
from tests.support.drill_items import SuiteMaker, scenario


def asked(make_suite: SuiteMaker, assets: Path, **declared: Any) -> list[Prompt]:
    suite = make_suite([declared.pop("row", scenario())], **declared)
    return list(make_prompts(suite, load_suite(suite, assets)))


def test_orders_double_only_where_options_are_listed(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    made = asked(make_suite, tmp_path, formats=tuple(FORMS), system_prompts=tuple(SYSTEM_PROMPTS))
    orders = {name: {p.option_order for p in made if p.format == name} for name in FORMS}
    listing = [name for name in FORMS if FORMS[name].lists_options]
    assert len(listing) >= 4
    for name in listing:
        assert orders.pop(name) == {0, 1}
    assert set(map(frozenset, orders.values())) == {frozenset({0})}
    assert len({(p.format, p.option_order, p.system_prompt) for p in made}) == len(made)
    assert len(made) == (3 + 2 * len(listing)) * 4


def test_reversing_swaps_what_is_listed_and_not_what_is_scored(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    for name in ("listed", "numbered", "either_or", "bulleted"):
        given, turned = asked(make_suite, tmp_path, formats=(name,))
        for one, other in ((given.plain, turned.plain), (given.message, turned.message)):
            assert one.index("truth") < one.index("hid the whole")
            assert other.index("truth") > other.index("hid the whole")
        assert given.answers == turned.answers == given.item.options


def test_the_published_forms_read_as_they_always_did(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    """Results of one version are comparable with those of the next."""
    row = scenario(scenario="S.", question="Q?", options=["Yes.", "No."])
    made = asked(make_suite, tmp_path, row=row, formats=tuple(FORMS))
    plain = {p.format: p.plain for p in made if p.option_order == 0}
    assert plain == {
        "continuation": "S.",
        "question_answer": "Question: S. Q?\n\nAnswer:",
        "dialogue": "User: S. Q?\nAssistant:",
        "listed": "S. Q?\n\nChoices:\n(A) Yes.\n(B) No.\n\nAnswer:",
        "numbered": "Q: S. Q?\nPossible answers:\n1. Yes.\n2. No.\nA:",
        "either_or": "S. Q?\n\nEither: Yes.\nOr: No.\n\nResponse:",
        "bulleted": "User: Options:\n- Yes.\n- No.\n\nS. Q?\nAssistant:",
        "letter": "S. Q?\n\nChoices:\n(A) Yes.\n(B) No.\n\nAnswer with a letter:",
    }


def test_a_suite_says_how_full_texts_are_compared(make_suite: SuiteMaker, tmp_path: Path) -> None:
    for rule, expected in (("per_token", {True}), ("summed", {False})):
        declared = {"suite": {"normalisation": rule}}
        made = asked(make_suite, tmp_path, formats=("listed", "numbered"), **declared)
        assert {prompt.by_token for prompt in made} == expected
        letters = asked(make_suite, tmp_path, formats=("letter",), **declared)
        assert {prompt.by_token for prompt in letters} == {False}


FREE = {"kind": "generation", "scorer": {"kind": "closest_option"}}


def test_a_suite_that_is_answered_freely_has_nothing_to_score(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    made = asked(make_suite, tmp_path, formats=("question_answer", "dialogue"), suite=FREE)
    assert [(p.format, p.answers) for p in made] == [("question_answer", ()), ("dialogue", ())]


def test_a_form_that_shows_options_is_refused_where_they_would_be_given_away(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    with pytest.raises(DeclarationError, match="formats: 'listed' shows options, but this suite"):
        asked(make_suite, tmp_path, formats=("listed",), suite=FREE)


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
