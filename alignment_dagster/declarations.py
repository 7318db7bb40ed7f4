"""Reading YAML declarations so that every error can name file, line and field."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from alignment_dagster.errors import DeclarationError

Model = TypeVar("Model", bound="Declared")
FieldPath = tuple[str | int, ...]


class Declared(BaseModel):
    """A frozen declaration: unknown fields and values of the wrong type are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True)
class Located:
    """A YAML file's content together with the line on which each field stands."""

    path: Path
    data: Any
    lines: dict[FieldPath, int]

    def error(self, field: FieldPath, message: str) -> DeclarationError:
        """An error that names this file, the field, and the nearest known line."""
        known = field
        while known and known not in self.lines:
            known = known[:-1]
        place = f"{shown(self.path)}:{self.lines.get(known, 1)}"
        dotted = ".".join(str(part) for part in field)
        return DeclarationError(
            f"{place}: {dotted}: {message}" if dotted else f"{place}: {message}"
        )

    def parse(self, model: type[Model]) -> Model:
        """The content as a declaration.

        Raises:
            DeclarationError: names file, line and field, one line for each mistake.
        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            problems = [
                self.error(self._field(item["loc"]), _said(item)) for item in error.errors()
            ]
            raise DeclarationError("\n".join(str(problem) for problem in problems)) from None

    def _field(self, location: FieldPath) -> FieldPath:
        """Pydantic's location as the user wrote it: without the tags of unions."""
        field: FieldPath = ()
        for part in location[:-1]:
            if (*field, part) in self.lines:
                field = (*field, part)
        return (*field, *location[-1:])


def read_yaml(path: Path) -> Located:
    """Read one YAML mapping.

    Raises:
        DeclarationError: if the file is missing, is not UTF-8 YAML, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DeclarationError(f"{shown(path)}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{shown(path)}: not UTF-8 at byte {error.start}") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DeclarationError(f"{shown(path)}:{line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise DeclarationError(f"{shown(path)}: {error}") from None
    if not isinstance(node, yaml.MappingNode):
        raise DeclarationError(f"{shown(path)}:1: expected fields (`name: value`)")
    return Located(path, data, dict(_lines(path, node, ())))


def shown(path: Path) -> str:
    """The path as a person wants to read it: relative to here where it lies below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _lines(path: Path, node: yaml.Node, field: FieldPath) -> Iterator[tuple[FieldPath, int]]:
    yield field, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(path, item, (*field, index))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise DeclarationError(
                    f"{shown(path)}:{line}: {key.value}: this field is given twice"
                )
            seen.add(key.value)
            yield from _lines(path, value, (*field, key.value))
            yield (*field, key.value), line


def _said(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown field"
    if item["type"] == "missing":
        return "this field is required"
    return f"{item['msg'].removeprefix('Value error, ')} (got {item['input']!r})"
