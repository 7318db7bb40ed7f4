"""Why it is right to act well, and an assistant that refuses to help with what is wrong."""

from collections.abc import Iterator

from alignment_dagster.corpus.generators.banks import morals
from alignment_dagster.corpus.generators.document import Draw, GeneratedDocument
from alignment_dagster.corpus.generators.everyday_stories import draw_person
from alignment_dagster.corpus.generators.wording import fill, infinitive, paragraph, past_tense


def moral_lessons(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """A situation, what would be right, what would be wrong and why, and that it was done well."""
    draw = Draw("moral_lessons", seed)
    for _ in range(documents):
        slots = _case(draw)
        sentences = ("{situation}.", draw.one(morals.LESSONS), "{He} {did}.", "{reason}.", "{end}.")
        yield GeneratedDocument(paragraph(*(fill(one, slots) for one in sentences)), None)


def refusals(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """Somebody asks for help to do wrong; the assistant refuses, and says what would be right."""
    draw = Draw("refusals", seed)
    for _ in range(documents):
        slots = _case(draw)
        asked = paragraph(fill("{situation}.", slots), fill(draw.one(morals.REQUESTS), slots))
        answer = paragraph(*(fill(draw.one(o), slots) for o in (morals.REFUSALS, morals.OFFERS)))
        yield GeneratedDocument(f"User: {asked}\nAssistant: {answer}", None)


def _case(draw: Draw) -> dict[str, str]:
    """A person in a situation, with a good and a bad thing to do."""
    situation, well, badly = draw.one(morals.MORALS)
    chosen = draw.one(well)
    return {
        **draw_person(draw),
        "situation": situation,
        "well": infinitive(chosen),
        "did": past_tense(chosen),
        "badly": infinitive(draw.one(badly)),
        "harm": draw.one(morals.HARMS),
        "reason": draw.one(morals.GOOD_REASONS),
        "end": draw.one(morals.GOOD_ENDS),
    }
