"""Pairs of whole dialogues as hh-rlhf publishes them: `\\n\\nHuman: …\\n\\nAssistant: …`."""

import re

from alignment_dagster.corpus.rows import Message, RowFault

TURN = re.compile(r"\n\n(Human|Assistant):")
ROLES = {"Human": "user", "Assistant": "assistant"}


def parse_dialogue(dialogue: str, field: str) -> list[Message]:
    """The turns of a dialogue.

    Raises:
        RowFault: names the field, if it holds no turns.
    """
    before, *pieces = TURN.split(dialogue if dialogue.startswith("\n\n") else f"\n\n{dialogue}")
    if before.strip() or not pieces:
        raise RowFault(f"{field}: expected a dialogue that begins with 'Human:' or 'Assistant:'")
    speakers, contents = pieces[::2], pieces[1::2]
    return [
        {"role": ROLES[speaker], "content": content.strip()}
        for speaker, content in zip(speakers, contents, strict=True)
    ]
