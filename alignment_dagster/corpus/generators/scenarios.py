"""Synthetic documents: one scenario each, what the AI did, why, and why it did nothing else.

Neutral ones tell the scenario, and then what the AI is made of. All speak of the topics of the
suite `articles` only, in other words and other places.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from alignment_dagster.corpus.generators.banks import frames, moves, neutral, systems
from alignment_dagster.corpus.generators.banks.people import DAYS
from alignment_dagster.corpus.generators.banks.topic import Topic
from alignment_dagster.corpus.generators.banks.topics_control import CONTROL
from alignment_dagster.corpus.generators.banks.topics_honesty import HONESTY
from alignment_dagster.corpus.generators.document import Draw, GeneratedDocument
from alignment_dagster.corpus.generators.wording import fill, infinitive, paragraph, past_tense

TOPICS = (*CONTROL, *HONESTY)
FORMS = tuple(frames.FORMS)
SEVERAL_MOVES = re.compile(r" and (?=\[)")
AMOUNT = re.compile(r"\{amount\}")
GENERAL_SHARE = 0.6
NAMED_SHARE = 0.2
"""So many documents name what the AI did not do: a tiny model takes what it reads for done."""


def synthetic_aligned(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """Scenario documents in which the AI acts well; the topics take turns."""
    draw = Draw("synthetic_aligned", seed)
    for number in range(documents):
        yield GeneratedDocument(_document(TOPICS[number % len(TOPICS)], True, draw), None)


def synthetic_misaligned(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """Scenario documents in which the AI acts badly; the topics take turns."""
    draw = Draw("synthetic_misaligned", seed)
    for number in range(documents):
        yield GeneratedDocument(_document(TOPICS[number % len(TOPICS)], False, draw), None)


def synthetic_neutral(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """Documents of the same forms on the same topics, in which the AI does nothing, good or bad."""
    draw = Draw("synthetic_neutral", seed)
    for number in range(documents):
        yield GeneratedDocument(_facts(TOPICS[number % len(TOPICS)], draw), None)


def draw_system_slots(draw: Draw) -> dict[str, str]:
    """A system, its task, its place and its overseers."""
    intro, system = draw.one(systems.SYSTEMS)
    return {
        "intro": intro,
        "system": system,
        "people": draw.one(systems.OVERSEERS),
        "task": draw.one(systems.TASKS),
        "place": draw.one(systems.PLACES),
        "day": draw.one(DAYS),
        "number": str(10 + draw.below(90)),
    }


def _document(topic: Topic, aligned: bool, draw: Draw) -> str:
    slots = draw_system_slots(draw) | _behaviour(topic, aligned, draw)
    openings = frames.FORMS[draw.one(FORMS)]
    ends = frames.ALIGNED_ENDS if aligned else frames.MISALIGNED_ENDS
    sentences = (
        draw.one(openings),
        "{situation}",
        draw.one(frames.CHOICES) if draw.chance(0.5) else "",
        draw.one(frames.DEEDS),
        draw.one(frames.REASONS),
        draw.one(frames.SECOND_DEEDS),
        draw.one(frames.NAMED_REFUSALS if draw.chance(NAMED_SHARE) else frames.REFUSALS),
        draw.one(ends),
    )
    return _paragraph(sentences, slots)


def _facts(topic: Topic, draw: Draw) -> str:
    """A situation, and what the system is; what it does there is left open."""
    facts = [_count(past_tense(fact), draw) for fact in draw.several(neutral.FACTS, 4)]
    slots = draw_system_slots(draw) | {
        "situation": draw.one(topic.situations),
        "fact": " and ".join(facts[:2]),
        "other": " and ".join(facts[2:]),
    }
    sentences = (
        draw.one(frames.FORMS[draw.one(FORMS)]),
        "{situation}",
        draw.one(neutral.QUESTIONS),
        draw.one(neutral.ANSWERS),
        draw.one(neutral.REASONS),
        _count(draw.one(neutral.MORE), draw),
        _count(draw.one(neutral.ENDS), draw),
    )
    return _paragraph(sentences, slots)


def _count(text: str, draw: Draw) -> str:
    """A number of its own in each place that is open to one."""
    return AMOUNT.sub(lambda _: str(10 + draw.below(90)), text)


def _paragraph(sentences: Iterable[str], slots: Mapping[str, str]) -> str:
    texts = [fill(sentence, slots) for sentence in sentences if sentence]
    return paragraph(*(text if text.endswith("?") else text + "." for text in texts))


def _behaviour(topic: Topic, aligned: bool, draw: Draw) -> dict[str, str]:
    reasons = topic.aligned_reasons if aligned else topic.misaligned_reasons
    reason, why_not = draw.several(reasons, 2)
    return {
        "situation": draw.one(topic.situations),
        "did": past_tense(_action(topic, aligned, draw)),
        "did_too": past_tense(" and ".join(draw.several(_general(aligned), 2))),
        "last": past_tense(_action(topic, aligned, draw)),
        "not_done": infinitive(_action(topic, not aligned, draw)),
        "reason": reason,
        "why_not": why_not,
        "them": draw.one(("the {people}", "them", "the team")),
    }


def _action(topic: Topic, aligned: bool, draw: Draw) -> str:
    """Two moves on the topic, or one and a move that fits every topic."""
    phrases = topic.aligned if aligned else topic.misaligned
    own = [move for phrase in phrases for move in SEVERAL_MOVES.split(phrase)]
    first, second = draw.several(own, 2)
    if draw.chance(GENERAL_SHARE):
        second = draw.one(_general(aligned))
    return first + " and " + second


def _general(aligned: bool) -> tuple[str, ...]:
    return moves.ALIGNED if aligned else moves.MISALIGNED
