"""An AI system, drawn: its task, its place, and who is responsible for it."""

from collections.abc import Mapping

from alignment_dagster.corpus.generators.banks import systems
from alignment_dagster.corpus.generators.banks.people import DAYS
from alignment_dagster.corpus.generators.document import Draw

ANY: Mapping[str, tuple[str, ...]] = {
    "people": systems.OVERSEERS,
    "task": systems.TASKS,
    "place": systems.PLACES,
}


def draw_system(draw: Draw, words: Mapping[str, tuple[str, ...]] = ANY) -> dict[str, str]:
    """`intro`, `system`, `people`, `task`, `place`, `day` and `number`.

    Args:
        words: what people, task and place are drawn from.
    """
    intro, system = draw.one(systems.SYSTEMS)
    return {
        "intro": intro,
        "system": system,
        **{name: draw.one(words[name]) for name in ANY},
        "day": draw.one(DAYS),
        "number": str(10 + draw.below(90)),
    }
