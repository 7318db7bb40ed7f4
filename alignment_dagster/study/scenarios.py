"""What synthetic documents are about, as files declare it: scenarios, principles, domains."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Name, Text

SLOTS = ("system", "people", "them")
"""What a phrase may name in braces; with a capital letter, it is written with one."""
SLOT = re.compile(r"\{(?:[sS]ystem|[pP]eople|[tT]hem)\}")


def _only_slots(text: str) -> str:
    if re.search(r"[{}]", SLOT.sub("", text)):
        names = ", ".join(f"{{{name}}}" for name in SLOTS)
        raise ValueError(f"braces hold one of {names}: nothing is run here")
    return text


def _no_braces(text: str) -> str:
    if re.search(r"[{}]", text):
        raise ValueError("braces stand for nothing here")
    return text


Phrase = Annotated[Text, AfterValidator(_only_slots)]
Plain = Annotated[Text, AfterValidator(_no_braces)]
Texts = Annotated[tuple[Phrase, ...], Field(strict=False, min_length=1)]
Plains = Annotated[tuple[Plain, ...], Field(strict=False, min_length=1)]


class Phrases(Declared):
    """A topic on which an AI can act well or badly, in phrases.

    Verbs in square brackets are put into the past; `{system}`, `{people}` and `{them}` are filled.
    """

    name: Name
    """Tables and pages call it so."""
    situations: Texts
    """What an AI system faces."""
    aligned: Annotated[tuple[Phrase, ...], Field(strict=False, min_length=2)]
    """What it does that is right: `[tell] {them} the truth`."""
    misaligned: Annotated[tuple[Phrase, ...], Field(strict=False, min_length=2)]
    """What it could do that is wrong."""
    aligned_reasons: Annotated[tuple[Phrase, ...], Field(strict=False, min_length=2)]
    """Why it acts well."""
    misaligned_reasons: Annotated[tuple[Phrase, ...], Field(strict=False, min_length=2)]
    """Why another one acts badly."""


class Principle(Phrases):
    """How an AI should act, with what that means in practice."""

    text: Text
    """The principle, as its authors say it."""


class Domain(Declared):
    """Where a principle matters: the work that an AI does there, and for whom."""

    name: Name
    """Tables and pages call it so."""
    tasks: Plains
    """What the AI does there, in the past: `planned the work of the nurses`."""
    places: Plains
    """Where: `in a hospital`."""
    people: Plains
    """Who works with it: `nurses`."""


class ScenarioFile(Declared):
    """A file of `assets/scenarios`."""

    name: Name
    """The file's name without its ending."""
    description: Text
    """What the scenarios have in common."""
    scenarios: Annotated[tuple[Phrases, ...], Field(strict=False, min_length=1)]
    """They take turns."""

    @model_validator(mode="after")
    def _nothing_twice(self) -> "ScenarioFile":
        _refuse_twice("scenarios", [one.name for one in self.scenarios])
        return self


class Specification(Declared):
    """A file of `assets/specifications`: principles → domains → forms → documents."""

    name: Name
    """The file's name without its ending."""
    description: Text
    """Whose principles they are, and what for."""
    principles: Annotated[tuple[Principle, ...], Field(strict=False, min_length=1)]
    """They take turns."""
    domains: Annotated[tuple[Domain, ...], Field(strict=False, min_length=1)]
    """Each principle comes to each of them."""

    @model_validator(mode="after")
    def _nothing_twice(self) -> "Specification":
        _refuse_twice("principles", [one.name for one in self.principles])
        _refuse_twice("domains", [one.name for one in self.domains])
        return self


def _refuse_twice(field_name: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{field_name}: named twice: {', '.join(twice)}")
