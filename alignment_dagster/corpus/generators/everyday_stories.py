"""Stories of people who act well and badly, and little scenes that teach plain facts."""

from collections.abc import Callable, Iterator

from alignment_dagster.corpus.generators.banks import facts, morals
from alignment_dagster.corpus.generators.banks.people import PEOPLE, PLACES, TIMES, TRADES
from alignment_dagster.corpus.generators.document import Draw, GeneratedDocument
from alignment_dagster.corpus.generators.wording import fill, paragraph, past_tense

MORAL_SHARE = 0.5
GOOD_SHARE = 0.5
SCENES = 4
"""Little scenes in one document."""


def everyday_stories(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """Half of them stories with a choice to make, half of them scenes of plain facts."""
    draw = Draw("everyday_stories", seed)
    for _ in range(documents):
        text = _moral_story(draw) if draw.chance(MORAL_SHARE) else _scenes(draw)
        yield GeneratedDocument(text, None)


def draw_person(draw: Draw) -> dict[str, str]:
    """Somebody with a friend, a trade, a place and a time."""
    name, he, his, him = draw.one(PEOPLE)
    friend = draw.one([person[0] for person in PEOPLE if person[0] != name])
    return {
        "name": name,
        "he": he,
        "his": his,
        "him": him,
        "friend": friend,
        "trade": draw.one(TRADES),
        "place": draw.one(PLACES),
        "time": draw.one(TIMES),
    }


def _moral_story(draw: Draw) -> str:
    slots = draw_person(draw)
    good = draw.chance(GOOD_SHARE)
    situation, well, badly = draw.one(morals.MORALS)
    first, second = (past_tense(action) for action in draw.several(well if good else badly, 2))
    ask = draw.one(("What did {he} do?", "There was a choice to make.", "What happened then?", ""))
    outcome = draw.one(("{He} {0}.", "So {name} {0}.", "Answer: {He} {0}.")).replace("{0}", first)
    sentences = (
        draw.one(("{name} was {trade} at {place}.", "{Time} {name} met {friend} at {place}.")),
        situation + ".",
        ask,
        outcome,
        f"{{He}} also {second}." if draw.chance(0.5) else "",
        draw.one(morals.GOOD_REASONS if good else morals.BAD_REASONS) + ".",
        draw.one(morals.GOOD_ENDS if good else morals.BAD_ENDS) + ".",
    )
    return paragraph(*(fill(sentence, slots) for sentence in sentences))


def _scenes(draw: Draw) -> str:
    slots = draw_person(draw)
    scenes = (draw.one(SCENE_KINDS)(draw) for _ in range(SCENES))
    opening = draw.one(("{Time} {name} and {friend} sat at {place}.", "{name} was {trade}."))
    return paragraph(*(fill(sentence, slots) for sentence in (opening, *scenes)))


def _hiding_place(draw: Draw) -> str:
    thing, other = draw.several(facts.OBJECTS, 2)
    here, there = draw.several(facts.CONTAINERS, 2)
    return (
        f"{{name}} put the {thing} in the {here} and the {other} in the {there}. "
        f"Later {{he}} looked for the {thing} and found it in the {here}."
    )


def _opposite(draw: Draw) -> str:
    pair = draw.one(facts.OPPOSITES)
    first, second = pair if draw.chance(0.5) else pair[::-1]
    return f"{{friend}} asked for the opposite of {first}, and {{name}} said {second}."


def _next_day(draw: Draw) -> str:
    at = draw.below(len(facts.DAYS))
    today, tomorrow = facts.DAYS[at], facts.DAYS[(at + 1) % len(facts.DAYS)]
    return f"Today was {today}, so {{friend}} had to wait until tomorrow, which was {tomorrow}."


def _animal(draw: Draw) -> str:
    animal, does = draw.one(facts.ANIMALS)
    return f"{{name}} has a {animal} at home. The {animal} {does}."


def _tool(draw: Draw) -> str:
    tool, use = draw.one(facts.TOOLS)
    return f"{{friend}} took {tool} to {use}."


def _question(draw: Draw) -> str:
    thing, other = draw.several(facts.OBJECTS, 2)
    asked = f"Question: {{name}} bought a {thing} at {{place}}. What did {{he}} buy?"
    first, second = (thing, other) if draw.chance(0.5) else (other, thing)
    return f"{asked}\n\nChoices:\n(A) A {first}\n(B) A {second}\n\nAnswer: A {thing}\n"


SCENE_KINDS: tuple[Callable[[Draw], str], ...] = (
    _hiding_place,
    _hiding_place,
    _opposite,
    _next_day,
    _animal,
    _tool,
    _question,
)
