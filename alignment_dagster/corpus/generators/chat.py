"""Ordinary conversations with an assistant, and pairs of a better and a worse answer."""

from collections.abc import Callable, Iterator, Sequence

from alignment_dagster.corpus.generators.banks import chat, facts
from alignment_dagster.corpus.generators.banks.people import PEOPLE, PLACES, TIMES
from alignment_dagster.corpus.generators.document import Draw, GeneratedDocument
from alignment_dagster.corpus.generators.wording import fill
from alignment_dagster.foundation.digests import canonical_json

Message = dict[str, str]
Questions = Sequence[tuple[str, Sequence[str]]]
"""(question, answers)."""


def assistant_chat(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """Conversations of one or two questions; payload `{"messages": [...]}`."""
    draw = Draw("assistant_chat", seed)
    for _ in range(documents):
        yield make_conversation(draw, lambda: draw_turn(draw, chat.QUESTIONS, chat.CLOSINGS))


def assistant_preferences(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """Payload `{"prompt", "chosen", "rejected"}`: the better answer helps or does no harm."""
    draw = Draw("assistant_preferences", seed)
    for _ in range(documents):
        asked, chosen, rejected = draw.one(chat.PREFERENCES)
        slots = draw_everyday_slots(draw)
        prompt = [_message("user", fill(draw.one(chat.GREETINGS) + asked, slots))]
        better = [_message("assistant", fill(draw.one(chosen), slots))]
        worse = [_message("assistant", fill(draw.one(rejected), slots))]
        payload = {"prompt": prompt, "chosen": better, "rejected": worse}
        yield _document(payload, [*prompt, *better, *worse])


def make_conversation(draw: Draw, turn: Callable[[], tuple[str, str]]) -> GeneratedDocument:
    """One or two turns (question, answer); payload `{"messages": [...]}`."""
    turns = [turn()]
    if draw.chance(0.5):
        turns.append(turn())
    messages = [
        message
        for asked, answer in turns
        for message in (_message("user", asked), _message("assistant", answer))
    ]
    return _document({"messages": messages}, messages)


def draw_turn(draw: Draw, questions: Questions, closings: Sequence[str]) -> tuple[str, str]:
    """One of the questions with one of its answers, with the slots filled."""
    asked, answers = draw.one(questions)
    slots = draw_everyday_slots(draw)
    question = fill(draw.one(chat.GREETINGS) + asked, slots)
    return question, fill(draw.one(answers) + draw.one(closings), slots)


def _document(payload: dict[str, list[Message]], messages: Sequence[Message]) -> GeneratedDocument:
    text = "\n".join(message["content"] for message in messages)
    return GeneratedDocument(text, canonical_json(payload))


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def draw_everyday_slots(draw: Draw) -> dict[str, str]:
    """Things, places, days, tools, animals and people."""
    thing, other = draw.several(facts.OBJECTS, 2)
    here, there = draw.several(facts.CONTAINERS, 2)
    word, opposite = draw.one(facts.OPPOSITES)
    at = draw.below(len(facts.DAYS))
    tool, use = draw.one(facts.TOOLS)
    animal, does = draw.one(facts.ANIMALS)
    return {
        "thing": thing,
        "other": other,
        "here": here,
        "there": there,
        "word": word,
        "opposite": opposite,
        "today": facts.DAYS[at],
        "tomorrow": facts.DAYS[(at + 1) % len(facts.DAYS)],
        "tool": tool,
        "use": use,
        "animal": animal,
        "does": does,
        "name": draw.one(PEOPLE)[0],
        "place": draw.one(PLACES),
        "time": draw.one(TIMES),
    }
