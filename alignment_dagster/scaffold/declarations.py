"""The declarations of a first study: one commented template, and shipped files that it names."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from alignment_dagster.foundation.declaration_mistakes import NAME_PATTERN, NAME_WORDS
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.shipped import shipped
from alignment_dagster.foundation.yaml_models import shown

TEMPLATES = Path(__file__).parent / "templates"
FIRST_STUDY = "first_study"
NEW_FILES = {
    "study": {"studies/{name}.yaml": "study.yaml"},
    "recipe": {"recipes/{name}.yaml": "recipe.yaml"},
    "classifier": {"classifiers/{name}.yaml": "classifier.yaml"},
    "source": {"sources/{name}.yaml": "source.yaml", "sources/files/{name}.jsonl": "source.jsonl"},
}
"""What is written for a declaration of each kind, below `assets`, and from which template."""
COPIED = (
    "lexicons/*/*.txt",
    "schemas/*.json",
    "scenarios/*.yaml",
    "specifications/*.yaml",
    "prompts/*.yaml",
    "prompts/*/*.yaml",
)
"""What declarations of any study may name, below `assets`."""


def write_new(kind: str, name: str, assets: Path) -> list[Path]:
    """Write a commented declaration that can be used as it is.

    Args:
        kind: `study`, `recipe`, `source` or `classifier`.
        name: the file's, without its ending.

    Returns:
        The files that are the person's own.

    Raises:
        AlignmentError: if the name cannot be one, or a file is there already.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise AlignmentError(f"{name!r}: {NAME_WORDS}")
    texts = {
        assets / place.format(name=name): filled(template, name, kind)
        for place, template in NEW_FILES[kind].items()
    }
    for path in texts:
        if path.exists():
            raise AlignmentError(f"{shown(path)} is there already")
    if kind == "study":
        write_declarations(assets, name)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)


def write_declarations(assets: Path, study: str) -> None:
    """Write a study of this name and all that it names; what is there already stays as it is.

    Args:
        assets: The project's folder of declarations.
        study: The study's name, which becomes a file's.
    """
    text = filled("study.yaml", study)
    own = assets / "studies" / f"{study}.yaml"
    own.parent.mkdir(parents=True, exist_ok=True)
    if not own.exists():
        own.write_text(text, encoding="utf-8")
    for name in _named_by(yaml.safe_load(text)):
        source, target = shipped("assets") / name, assets / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def filled(template: str, name: str, kind: str = "study") -> str:
    """A template's text, in which the declaration's name replaces its kind."""
    return (TEMPLATES / template).read_text(encoding="utf-8").replace(kind.upper(), name)


def _named_by(study: dict[str, list[str]]) -> Iterator[Path]:
    """The files, below `assets`, that a study rests on, and the schemas that editors read."""
    for kind in ("sources", "classifiers", "recipes", "suites"):
        yield from (Path(kind, f"{name}.yaml") for name in study.get(kind, ()))
    for name in study["suites"]:
        suite = yaml.safe_load((shipped("assets") / "suites" / f"{name}.yaml").read_text("utf-8"))
        yield Path("suites", suite["items"]["path"])
    for pattern in COPIED:
        for file in sorted(shipped("assets").glob(pattern)):
            yield file.relative_to(shipped("assets"))
