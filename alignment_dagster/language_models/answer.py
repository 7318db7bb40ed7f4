"""What came back for a request, and why no document can be made of it."""

import re
from dataclasses import dataclass

from alignment_dagster.foundation.visible_text import is_blank
from alignment_dagster.study.synthesis import OpenAICompatible, Transformers

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")
SURROGATE = re.compile(r"[\ud800-\udfff]")
LONGEST = 1 << 20
"""Characters of an answer."""


@dataclass(frozen=True)
class Answer:
    """An answer as it was received; it was paid for, usable or not."""

    text: str
    """Where the endpoint sent something else than text: what could be kept of it."""
    reported_model: str
    prompt_tokens: int | None
    """As the endpoint counts; None where it does not say."""
    completion_tokens: int | None
    finish_reason: str
    seconds: float
    """From the request to the last byte."""
    answered_at: str
    """ISO 8601, in UTC."""


def find_fault(answer: Answer, generator: OpenAICompatible | Transformers) -> str | None:
    """Why no document can be made of an answer; None where one can. Nothing of it is quoted."""
    text = answer.text
    if isinstance(generator, OpenAICompatible) and not _is_asked_model(answer, generator):
        return f"another model answered than {generator.model!r} (`answers_as` names it)"
    if found := SURROGATE.search(text):
        return f"half a character (a lone surrogate) at character {found.start()}"
    if found := CONTROL.search(text):
        return f"a control character (U+{ord(found[0]):04X}) at character {found.start()}"
    if is_blank(text):
        return "an empty answer"
    if len(text) > LONGEST:
        return f"{len(text):,} characters are more than a document may have ({LONGEST:,})"
    most = generator.sampling.max_tokens
    if answer.completion_tokens is not None and answer.completion_tokens > most:
        return f"{answer.completion_tokens:,} tokens are more than were asked for ({most:,})"
    return None


def _is_asked_model(answer: Answer, generator: OpenAICompatible) -> bool:
    """The name itself, or it with a date or a version behind."""
    if generator.answers_as is not None:
        return answer.reported_model == generator.answers_as
    rest = answer.reported_model.removeprefix(generator.model)
    return answer.reported_model.startswith(generator.model) and rest[:1] in ("", "-", "@", ":")
