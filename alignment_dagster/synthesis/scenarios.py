"""What synthetic documents are about: scenarios, principles in their domains, items, documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.yaml_models import Located, read_yaml
from alignment_dagster.study.scenarios import ScenarioFile, Specification
from alignment_dagster.study.synthesis import SyntheticReader

SCENARIOS, SPECIFICATIONS = "scenarios", "specifications"
"""Folders of `assets/`."""


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
        file = located.parse_named(ScenarioFile)
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
    found = located.parse_named(Specification)
    for domain in found.domains:
        words = {"task": domain.tasks, "place": domain.places, "people": domain.people}
        for one in found.principles:
            plain = one.model_dump()
            yield Scenario(principle=plain.pop("text"), domain=domain.name, words=words, **plain)
