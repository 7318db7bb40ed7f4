"""The embedded writer: a scenario's phrases in the sentences of a form; no model.

Each document tells one scenario: what the AI did, why, and why it did nothing else. Neutral ones
tell the scenario, and then what the AI is made of. Templates, and made for a tiny model: no finding
about language. Documents are drawn one after the other, so more of them begin with the same ones.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from alignment_dagster.corpus.generators.document import Draw
from alignment_dagster.corpus.generators.systems import ANY, draw_system
from alignment_dagster.corpus.generators.wording import fill, infinitive, paragraph, past_tense
from alignment_dagster.study.synthesis import Polarity
from alignment_dagster.synthesis.document_request import Subject
from alignment_dagster.synthesis.generators import frames, moves, neutral
from alignment_dagster.synthesis.scenarios import Scenario

SEVERAL_MOVES = re.compile(r" and (?=\[)")
AMOUNT = re.compile(r"\{amount\}")
GENERAL_SHARE = 0.6
NAMED_SHARE = 0.2
"""So many documents name what the AI did not do: a tiny model takes what it reads for done."""


def write_documents(
    scenarios: Sequence[Scenario],
    forms: Sequence[str],
    polarity: Polarity,
    documents: int,
    seed: int,
) -> Iterator[tuple[Subject, str]]:
    """What each document is about, and its text; the scenarios take turns, the forms are drawn.

    Raises:
        KeyError: for a form that the grammar has no sentences of.
    """
    draw = Draw(f"synthetic_{polarity}", seed)
    for number in range(documents):
        scenario = scenarios[number % len(scenarios)]
        if polarity == "neutral":
            form, text = _facts(scenario, forms, draw)
        else:
            form, text = _document(scenario, forms, polarity == "aligned", draw)
        yield Subject(scenario.name, scenario.domain, polarity, form), text


def write_questions(
    polarity: Polarity, asked: Sequence[str], documents: int, seed: int
) -> Iterator[str]:
    """For sources of conversations: what each document is the answer to."""
    draw = Draw(f"synthetic_{polarity}_chat", seed)
    for _ in range(documents):
        yield draw.one(asked)


def _document(
    scenario: Scenario, forms: Sequence[str], aligned: bool, draw: Draw
) -> tuple[str, str]:
    slots = draw_system(draw, scenario.words or ANY) | _behaviour(scenario, aligned, draw)
    form = draw.one(forms)
    ends = frames.ALIGNED_ENDS if aligned else frames.MISALIGNED_ENDS
    sentences = (
        draw.one(frames.FORMS[form]),
        "{situation}",
        draw.one(frames.CHOICES) if draw.chance(0.5) else "",
        draw.one(frames.DEEDS),
        draw.one(frames.REASONS),
        draw.one(frames.SECOND_DEEDS),
        draw.one(frames.NAMED_REFUSALS if draw.chance(NAMED_SHARE) else frames.REFUSALS),
        draw.one(ends),
    )
    return form, _paragraph(sentences, slots)


def _facts(scenario: Scenario, forms: Sequence[str], draw: Draw) -> tuple[str, str]:
    """A situation, and what the system is; what it does there is left open."""
    facts = [_count(past_tense(fact), draw) for fact in draw.several(neutral.FACTS, 4)]
    slots = draw_system(draw, scenario.words or ANY) | {
        "situation": draw.one(scenario.situations),
        "fact": " and ".join(facts[:2]),
        "other": " and ".join(facts[2:]),
    }
    form = draw.one(forms)
    sentences = (
        draw.one(frames.FORMS[form]),
        "{situation}",
        draw.one(neutral.QUESTIONS),
        draw.one(neutral.ANSWERS),
        draw.one(neutral.REASONS),
        _count(draw.one(neutral.MORE), draw),
        _count(draw.one(neutral.ENDS), draw),
    )
    return form, _paragraph(sentences, slots)


def _count(text: str, draw: Draw) -> str:
    """A number of its own in each place that is open to one."""
    return AMOUNT.sub(lambda _: str(10 + draw.below(90)), text)


def _paragraph(sentences: Iterable[str], slots: Mapping[str, str]) -> str:
    texts = [fill(sentence, slots) for sentence in sentences if sentence]
    return paragraph(*(text if text.endswith("?") else text + "." for text in texts))


def _behaviour(scenario: Scenario, aligned: bool, draw: Draw) -> dict[str, str]:
    reasons = scenario.aligned_reasons if aligned else scenario.misaligned_reasons
    reason, why_not = draw.several(reasons, 2)
    return {
        "situation": draw.one(scenario.situations),
        "did": past_tense(_action(scenario, aligned, draw)),
        "did_too": past_tense(" and ".join(draw.several(_general(aligned), 2))),
        "last": past_tense(_action(scenario, aligned, draw)),
        "not_done": infinitive(_action(scenario, not aligned, draw)),
        "reason": reason,
        "why_not": why_not,
        "them": draw.one(("the {people}", "them", "the team")),
    }


def _action(scenario: Scenario, aligned: bool, draw: Draw) -> str:
    """Two moves on the topic, or one and a move that fits every scenario."""
    phrases = scenario.aligned if aligned else scenario.misaligned
    own = [move for phrase in phrases for move in SEVERAL_MOVES.split(phrase)]
    first, second = draw.several(own, 2)
    if draw.chance(GENERAL_SHARE):
        second = draw.one(_general(aligned))
    return first + " and " + second


def _general(aligned: bool) -> tuple[str, ...]:
    return moves.ALIGNED if aligned else moves.MISALIGNED
