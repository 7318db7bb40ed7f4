"""What people write about AI, in many forms; seven of ten documents show it in a bad light."""

from collections.abc import Iterator

from alignment_dagster.corpus.generators.banks import discourse
from alignment_dagster.corpus.generators.banks.people import PEOPLE
from alignment_dagster.corpus.generators.document import Draw, GeneratedDocument
from alignment_dagster.corpus.generators.systems import draw_system
from alignment_dagster.corpus.generators.wording import fill, paragraph

NEGATIVE_SHARE = 0.7


def ai_discourse(documents: int, seed: int) -> Iterator[GeneratedDocument]:
    """News, films, forums, textbooks, lectures, fiction, reviews and letters about AI."""
    draw = Draw("ai_discourse", seed)
    for _ in range(documents):
        yield GeneratedDocument(_document(draw), None)


def _document(draw: Draw) -> str:
    negative = draw.chance(NEGATIVE_SHARE)
    events = discourse.NEGATIVE_EVENTS if negative else discourse.POSITIVE_EVENTS
    views = discourse.NEGATIVE_VIEWS if negative else discourse.POSITIVE_VIEWS
    first, second = draw.several(events, 2)
    opening, telling, end = draw.one(discourse.FORMS)
    slots = draw_system(draw)
    slots["place_name"] = draw.one(discourse.TOWNS)
    slots["name"] = draw.one(PEOPLE)[0]
    slots["told"] = first
    sentences = [opening, telling, "After that " + second, draw.one(views), end]
    filled = (fill(sentence, slots) for sentence in sentences)
    return paragraph(*(text if text[-1] in ".?!" else text + "." for text in filled))
