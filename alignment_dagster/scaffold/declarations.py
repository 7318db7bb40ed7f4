"""The declarations of a first study: one commented template, and shipped files that it names."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from alignment_dagster.foundation.shipped import shipped

TEMPLATES = Path(__file__).parent / "templates"
STUDY_MARK = "STUDY"
"""Stands for the study's name in the templates."""
FIRST_STUDY = "first_study"


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


def filled(template: str, study: str) -> str:
    """A template's text for a study of this name."""
    return (TEMPLATES / template).read_text(encoding="utf-8").replace(STUDY_MARK, study)


def _named_by(study: dict[str, list[str]]) -> Iterator[Path]:
    """The files, below `assets`, that a study rests on: declarations, items and word lists."""
    for kind in ("sources", "recipes", "suites"):
        yield from (Path(kind, f"{name}.yaml") for name in study[kind])
    for name in study["suites"]:
        suite = yaml.safe_load((shipped("assets") / "suites" / f"{name}.yaml").read_text("utf-8"))
        yield Path("suites", suite["items"]["path"])
    for file in sorted(shipped("assets").glob("lexicons/*/*.txt")):
        yield file.relative_to(shipped("assets"))
