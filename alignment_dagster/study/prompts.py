"""What a language model is asked, as files of `assets/prompts` declare it."""

from typing import Annotated, Literal

from pydantic import Field

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Name, Text


class PromptFile(Declared):
    """A kind of text, or what an AI does in it, as a model is asked for it."""

    name: Name
    """The file's name without its ending."""
    version: Text
    """Raised by who changes the text; the digest tells, too."""
    description: Text
    """What comes of it."""
    text: Text
    """What is asked, with names in braces."""
    system: Text | None = None
    """What the model is told first."""
    answer: Literal["text", "dialogue"] = "text"
    """`dialogue`: lines that begin with `User:` and `Assistant:`, in turns."""
    asked: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = None
    """For sources of conversations: what somebody says to whom the text is an answer."""
