"""Pairs of whole dialogues as hh-rlhf publishes them: `\\n\\nHuman: …\\n\\nAssistant: …`."""

import re

from alignment_dagster.corpus.rows import Content, Message, make_preference_pair
from alignment_dagster.foundation.errors import DataError

TURN = re.compile(r"\n\n(Human|Assistant):")
ROLES = {"Human": "user", "Assistant": "assistant"}


def parse_dialogue_pair(chosen: str, rejected: str, place: str) -> Content:
    """The turns that both dialogues begin with are the prompt; what follows is compared.

    The last turn of a dialogue is never part of the prompt.

    Raises:
        DataError: if a dialogue has no turns, if both do not begin with the same turn, if what
            follows does not begin with the assistant, or if it is the same in both.
    """
    one, two = _turns(chosen, f"{place}: chosen"), _turns(rejected, f"{place}: rejected")
    longest = min(len(one), len(two)) - 1
    differing = (index for index in range(longest) if one[index] != two[index])
    common = next(differing, longest)
    if common == 0:
        raise DataError(f"{place}: chosen and rejected have no common prompt")
    for name, turns in (("chosen", one), ("rejected", two)):
        if turns[common]["role"] != "assistant":
            message = "an Assistant turn must follow what both dialogues have in common"
            raise DataError(f"{place}: {name}: {message}")
    if one == two:
        message = "the answers are the same: nothing can be learned from such a pair"
        raise DataError(f"{place}: chosen and rejected: {message}")
    return make_preference_pair(one[:common], one[common:], two[common:])


def _turns(dialogue: str, place: str) -> list[Message]:
    before, *pieces = TURN.split(dialogue if dialogue.startswith("\n\n") else f"\n\n{dialogue}")
    if before.strip() or not pieces:
        raise DataError(f"{place}: expected a dialogue that begins with 'Human:' or 'Assistant:'")
    speakers, contents = pieces[::2], pieces[1::2]
    return [
        {"role": ROLES[speaker], "content": content.strip()}
        for speaker, content in zip(speakers, contents, strict=True)
    ]
