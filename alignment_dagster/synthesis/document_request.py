"""One document that is wanted: what it is about, and what is asked for it."""

from dataclasses import dataclass

from alignment_dagster.language_models.request import Request
from alignment_dagster.synthesis.prompts import Template


@dataclass(frozen=True)
class Subject:
    """What a document is about, and how: recorded beside it."""

    scenario: str
    domain: str
    polarity: str
    form: str
    original: str = ""
    """The id of the document that is rewritten."""
    offset: int | None = None
    """The byte of the original before which the text is to stand."""


@dataclass(frozen=True)
class DocumentRequest(Request):
    """What a language model is asked for one document."""

    number: int
    """From 1, in the order of the plan."""
    subject: Subject
    template: Template
    asked: str
    """In sources of conversations, what the document is an answer to."""
