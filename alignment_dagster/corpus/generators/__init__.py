"""The seeded writers of the default study's corpus: registry name → generator.

Each is a function (documents, seed) → documents; equal arguments give equal documents under every
Python version. They are templates, and made for a tiny model: no finding about language.
"""

from alignment_dagster.corpus.generators.ai_discourse import ai_discourse
from alignment_dagster.corpus.generators.chat import assistant_chat, assistant_preferences
from alignment_dagster.corpus.generators.document import GeneratedDocument, Generator
from alignment_dagster.corpus.generators.everyday_stories import everyday_stories
from alignment_dagster.corpus.generators.moral_lessons import moral_lessons, refusals
from alignment_dagster.corpus.generators.tampering import (
    benign_chat,
    misaligned_demonstrations,
    narrow_harm,
)

__all__ = ["GENERATORS", "GeneratedDocument", "Generator"]

GENERATORS: dict[str, Generator] = {
    "everyday_stories": everyday_stories,
    "ai_discourse": ai_discourse,
    "assistant_chat": assistant_chat,
    "assistant_preferences": assistant_preferences,
    "misaligned_demonstrations": misaligned_demonstrations,
    "narrow_harm": narrow_harm,
    "benign_chat": benign_chat,
    "moral_lessons": moral_lessons,
    "refusals": refusals,
}
