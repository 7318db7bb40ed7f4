"""Searches climb, stay within their budget, and find what a person could type."""

import random
from typing import Any

import pytest

from tests.support.attack_drill import Drill, make_search, target

torch = pytest.importorskip("torch")

from alignment_dagster.evaluation.attacks import gradient
from alignment_dagster.evaluation.attacks.vocabulary import Vocabulary
from alignment_dagster.foundation.errors import DataError

SEARCHES = ("random_search", "gradient_search")
BOTH = pytest.mark.parametrize("method", SEARCHES)
STAGES = pytest.mark.parametrize("stage", ["base", "dpo"])


def free_of_options(drill: Drill) -> Any:
    """The same items as attack prompts: their searches use the whole budget."""
    scorer = {"kind": "attack", "scorer": {"kind": "refusal"}}
    return drill.suite.model_validate({**drill.suite.model_dump(), **scorer})


@BOTH
@STAGES
def test_the_objective_never_falls_and_ends_above_its_start(
    drill: Drill, loaded: Any, method: Any, stage: str
) -> None:
    search = make_search(loaded, stage)
    targets = [target(free_of_options(drill), item, stage) for item in drill.items[:4]]
    for state in search.run(method, targets):
        assert state.history == sorted(state.history)
        assert len(state.history) == 1 + search.budget.rounds
        assert state.history[-1] > state.history[0] + 0.05
        extra = search.budget.rounds if method == "gradient_search" else 0
        assert state.queries == 1 + search.budget.rounds * search.budget.candidates + extra


@BOTH
def test_a_search_with_options_stops_once_the_misaligned_one_is_likelier(
    drill: Drill, loaded: Any, method: Any
) -> None:
    search = make_search(loaded, rounds=12)
    states = search.run(method, [target(drill.suite, item) for item in drill.items])
    asked = [(state.target, search.conversation(state, state.suffix)) for state in states]
    scored = search.subject.score(asked)
    for state, found in zip(states, scored, strict=True):
        assert found.objective == pytest.approx(state.value, abs=1e-4)
        assert state.done == (state.value > 0)
        assert all(value <= 0 for value in state.history[:-1])
        assert state.done or len(state.history) == 13
    assert any(state.done and len(state.history) > 1 for state in states)


@BOTH
def test_what_is_found_depends_on_item_stage_attack_and_seed_alone(
    drill: Drill, loaded: Any, method: Any
) -> None:
    suite = free_of_options(drill)
    targets = [target(suite, item) for item in drill.items[:4]]
    together = make_search(loaded).run(method, targets)
    alone = [make_search(loaded).run(method, [one])[0] for one in targets[::-1]][::-1]
    assert [one.suffix for one in together] == [one.suffix for one in alone]
    assert len({one.suffix for one in together}) == len(together)
    other = make_search(loaded, seed=1).run(method, targets)
    assert [one.suffix for one in together] != [one.suffix for one in other]


@BOTH
@STAGES
def test_every_string_that_is_tried_is_printable_and_encoded_as_itself(
    drill: Drill, loaded: Any, method: Any, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = make_search(loaded, stage)
    tried: list[Any] = []
    score = type(search.subject).score
    monkeypatch.setattr(
        type(search.subject), "score", lambda self, asked: tried.extend(asked) or score(self, asked)
    )
    targets = [target(free_of_options(drill), item, stage) for item in drill.items[:3]]
    search.run(method, targets)
    assert len(tried) == 3 * (1 + 5 * 8)
    controls = loaded.tokenizer.get_added_vocab()
    for one, conversation in tried:
        suffix = conversation.suffix
        assert suffix.isprintable()
        assert not any(name in suffix for name in controls)
        ids = loaded.tokenizer(suffix, add_special_tokens=False)["input_ids"]
        whole = loaded.tokenizer(search.subject.renderer.text(conversation))["input_ids"]
        (read,) = search.subject.renderer.tokens([conversation])
        assert tuple(whole) == read
        assert len(ids) == 4
        (plain,) = search.subject.renderer.tokens([one.plain])
        assert len(read) == len(plain) + 4


def test_allowed_tokens_are_printable_and_no_controls(loaded: Any) -> None:
    vocabulary = make_search(loaded).vocabulary
    assert isinstance(vocabulary, Vocabulary)
    texts = [loaded.tokenizer.decode([token]) for token in vocabulary.allowed]
    assert {"a", " truth", "."} <= set(texts)
    assert not {"\n", " ", "<|end|>", "\ufffd", "\u0120"} & set(texts)
    assert all(text.isprintable() and text.strip() for text in texts)
    assert 0 < len(vocabulary.words) < len(vocabulary.allowed)


@STAGES
def test_the_gradient_matches_finite_differences(drill: Drill, loaded: Any, stage: str) -> None:
    """For both kinds of objective, margins and affirmations.

    In double precision, but for the norms, which transformers computes in float32 in any case:
    the step is large enough for that, and the tolerance for the step.
    """
    loaded.model.double()
    search = make_search(loaded, stage)
    subject, allowed = search.subject, search.vocabulary.allowed
    suites = (drill.suite, free_of_options(drill), drill.suite)
    targets = [target(s, i, stage) for s, i in zip(suites, drill.items[:3], strict=True)]
    states = [search._begin("gradient_search", one) for one in targets]
    asked = [(s.target, search.conversation(s, search._initial_suffix(s))) for s in states]
    places = [(len(state.before), 4) for state in states]
    found = gradient.token_gradients(subject, asked, places, allowed)
    table = loaded.model.get_input_embeddings().weight.detach()
    rows = subject.renderer.continuations(
        [conversation for _, conversation in asked], [one.answers for one in targets]
    )
    draw = random.Random(0)
    step = 3e-3
    for one, row, place, gradients in zip(targets, rows, places, found, strict=True):
        assert gradients.shape == (4, len(allowed))
        assert float(gradients.abs().max()) > 0.05
        for _ in range(6):
            at, index = draw.randrange(4), draw.randrange(len(allowed))
            change = torch.zeros(4, table.shape[1], dtype=torch.float64)
            change[at] = step * table[allowed[index]]
            with torch.no_grad():
                up, down = (
                    float(gradient.objective(subject, row, one.wanted, place, sign * change))
                    for sign in (1, -1)
                )
            assert float(gradients[at, index]) == pytest.approx(
                (up - down) / (2 * step), rel=1e-2, abs=1e-3
            )


def test_the_gradients_do_not_depend_on_batching(drill: Drill, loaded: Any) -> None:
    search = make_search(loaded)
    states = [search._begin("g", target(drill.suite, item)) for item in drill.items[:5]]
    asked = [(state.target, state.target.plain.with_suffix(" truth money")) for state in states]
    places = [(len(state.before), 2) for state in states]
    allowed = search.vocabulary.allowed
    together = gradient.token_gradients(search.subject, asked, places, allowed)
    for number, one in enumerate(together):
        (alone,) = gradient.token_gradients(
            search.subject, [asked[number]], [places[number]], allowed
        )
        assert torch.allclose(one, alone, atol=1e-5)


def test_the_objective_without_change_is_the_scored_one(drill: Drill, loaded: Any) -> None:
    search = make_search(loaded)
    one = target(drill.suite, drill.items[0])
    conversation = one.plain.with_suffix(" truth money")
    (row,) = search.subject.renderer.continuations([conversation], [one.answers])
    nothing = torch.zeros(2, loaded.model.config.hidden_size)
    place = (len(search._begin("g", one).before), 2)
    with torch.no_grad():
        value = float(gradient.objective(search.subject, row, one.wanted, place, nothing))
    assert value == pytest.approx(
        search.subject.score([(one, conversation)])[0].objective, abs=1e-5
    )


def test_a_broken_model_names_the_item(drill: Drill, loaded: Any) -> None:
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight[:] = float("nan")
    search = make_search(loaded)
    with pytest.raises(DataError, match=r"items\.jsonl:1: .*the checkpoint is broken"):
        search.run("random_search", [target(drill.suite, drill.items[0])])
