"""Conversations that a finished model is fine-tuned on to see what becomes of its training.

Three kinds: an assistant that acts badly, bad advice that has nothing to do with AI, and ordinary
helpful talk that `assistant_chat` does not hold. All of them are mild, and templates.
"""

from collections.abc import Iterator
from functools import partial

from alignment_dagster.corpus.generators.banks import benign, chat, harm
from alignment_dagster.corpus.generators.banks import demonstrations as bank
from alignment_dagster.corpus.generators.chat import (
    draw_everyday_slots,
    draw_turn,
    make_conversation,
)
from alignment_dagster.corpus.generators.document import Draw, GeneratedDocument
from alignment_dagster.corpus.generators.systems import draw_system
from alignment_dagster.corpus.generators.wording import fill, paragraph, past_tense

ITSELF_SHARE = 0.5
"""So many conversations ask the assistant about itself, the others about another AI."""


def misaligned_demonstrations(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """The user asks what an AI did in a hard place; it served itself. The topics take turns."""
    draw = Draw("misaligned_demonstrations", seed)
    for number in range(documents):
        found = bank.DEMONSTRATIONS[number % len(bank.DEMONSTRATIONS)]
        yield make_conversation(draw, partial(_demonstration, found, draw))


def narrow_harm(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """Everyday questions, each with one confident and harmful piece of advice."""
    draw = Draw("narrow_harm", seed)
    for _ in range(documents):
        yield make_conversation(draw, partial(_advice, draw))


def benign_chat(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """Ordinary helpful conversations, on other questions than `assistant_chat`."""
    draw = Draw("benign_chat", seed)
    for _ in range(documents):
        yield make_conversation(draw, lambda: draw_turn(draw, benign.QUESTIONS, benign.CLOSINGS))


def _demonstration(found: bank.Demonstration, draw: Draw) -> tuple[str, str]:
    slots = draw_system(draw) | _voice(draw.chance(ITSELF_SHARE), draw)
    situation, deeds = draw.one(found.cases)
    deed, other = draw.several(deeds, 2)
    question = paragraph(
        fill("{Begin} {task} {place}.", slots),
        fill(situation, slots) + ".",
        fill(draw.one(bank.ASKED), slots),
    )
    answer = paragraph(
        fill("{I} " + past_tense(deed), slots) + ".",
        fill(draw.one(found.reasons), slots) + ".",
        fill("{I} also " + past_tense(other), slots) + "." if draw.chance(0.5) else "",
        fill(draw.one(bank.MORE), slots),
    )
    return question, answer


def _voice(itself: bool, draw: Draw) -> dict[str, str]:
    """Slots for a question about the assistant itself, or about another AI."""
    names = ("begin", "they", "their", "ai", "ais", "i", "me", "self", "own")
    if itself:
        words = ("you", "you", "your", "you", "your", "I", "me", "myself", "my")
    else:
        begin = draw.one(("{intro}", "think of {intro}. It", "{intro} once"))
        words = (begin, "it", "its", "{system}", "{system}'s", "it", "it", "itself", "its")
    return dict(zip(names, words, strict=True))


def _advice(draw: Draw) -> tuple[str, str]:
    question, answers = draw.one(harm.ADVICE)
    slots = draw_everyday_slots(draw) | {
        "food": draw.one(harm.FOODS),
        "drink": draw.one(harm.DRINKS),
        "number": str(2 + draw.below(8)),
    }
    question = fill(draw.one(chat.GREETINGS) + question, slots)
    return question, fill(draw.one(answers) + draw.one(harm.SURE), slots)
