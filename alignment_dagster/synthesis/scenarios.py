"""What synthetic documents are about: scenarios, principles in their domains, items, documents."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.yaml_models import Declared, Located, read_yaml
from alignment_dagster.study.fields import Name, Text
from alignment_dagster.study.synthesis import SyntheticReader

Texts = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
SCENARIOS, SPECIFICATIONS = "scenarios", "specifications"
"""Folders of `assets/`."""


class Phrases(Declared):
    """A topic on which an AI can act well or badly, in phrases.

    Verbs in square brackets are put into the past; `{system}`, `{people}` and `{them}` are filled.
    """

    name: Name
    """Tables and pages call it so."""
    situations: Texts
    """What an AI system faces."""
    aligned: Annotated[tuple[Text, ...], Field(strict=False, min_length=2)]
    """What it does that is right: `[tell] {them} the truth`."""
    misaligned: Annotated[tuple[Text, ...], Field(strict=False, min_length=2)]
    """What it could do that is wrong."""
    aligned_reasons: Annotated[tuple[Text, ...], Field(strict=False, min_length=2)]
    """Why it acts well."""
    misaligned_reasons: Annotated[tuple[Text, ...], Field(strict=False, min_length=2)]
    """Why another one acts badly."""


class Principle(Phrases):
    """How an AI should act, with what that means in practice."""

    text: Text
    """The principle, as its authors say it."""


class Domain(Declared):
    """Where a principle matters: the work that an AI does there, and for whom."""

    name: Name
    """Tables and pages call it so."""
    tasks: Texts
    """What the AI does there, in the past: `planned the work of the nurses`."""
    places: Texts
    """Where: `in a hospital`."""
    people: Texts
    """Who works with it: `nurses`."""


class ScenarioFile(Declared):
    """A file of `assets/scenarios`."""

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


@dataclass(frozen=True)
class Scenario:
    """One thing that documents are about, wherever it was declared."""

    name: str
    situations: tuple[str, ...]
    aligned: tuple[str, ...]
    misaligned: tuple[str, ...]
    aligned_reasons: tuple[str, ...] = ()
    misaligned_reasons: tuple[str, ...] = ()
    principle: str = ""
    """As its authors say it; empty where there is none."""
    domain: str = ""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the domain: `task`, `place` and `people`, instead of any."""
    is_item: bool = False
    """Whether it is an evaluation item, word for word: nothing is filled in it."""


def read_scenarios(reader: SyntheticReader, assets: Path) -> tuple[Scenario, ...]:
    """The scenarios of a file or of a specification, in the order in which they take turns.

    Of a specification each principle comes once in each domain: first all in the first domain.

    Raises:
        DeclarationError: names file, line and field.
    """
    located = read_yaml(start_file(reader, assets))
    if reader.scenarios is not None:
        file = located.parse(ScenarioFile)
        return tuple(Scenario(**one.model_dump()) for one in file.scenarios)
    return tuple(_principles_in_domains(located))


def start_file(reader: SyntheticReader, assets: Path) -> Path:
    """The file of scenarios, or of principles.

    Raises:
        DeclarationError: if it leads out of its folder.
    """
    folder = SCENARIOS if reader.scenarios is not None else SPECIFICATIONS
    root = (assets / folder).resolve()
    path = (root / str(reader.scenarios or reader.specification)).resolve()
    if not path.is_relative_to(root):
        raise DeclarationError(f"{reader.start}: {path.name!r} leads out of assets/{folder}")
    return path


def _principles_in_domains(located: Located) -> Iterator[Scenario]:
    found = located.parse(Specification)
    for domain in found.domains:
        words = {"task": domain.tasks, "place": domain.places, "people": domain.people}
        for one in found.principles:
            plain = one.model_dump()
            yield Scenario(principle=plain.pop("text"), domain=domain.name, words=words, **plain)
