"""Reading YAML declarations so that every error can name file, line and field."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from alignment_dagster.foundation.declaration_mistakes import describe_mistake
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.foreign_files import NoRegularFile, TooLargeFile, read_regular

Model = TypeVar("Model", bound="Declared")
FieldPath = tuple[str | int, ...]
LARGEST = 1 << 18
"""Bytes of a declaration."""
MOST_FIELDS = 5_000
DEEPEST = 50
MOST_MISTAKES = 50
"""Of a file, that one message names."""
MOST_DIGITS = 30
INTEGER = "tag:yaml.org,2002:int"


class Declared(BaseModel):
    """A frozen declaration: unknown fields, values of the wrong type and no numbers are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Located:
    """A YAML file's content together with the line on which each field stands."""

    path: Path
    data: Any
    lines: dict[FieldPath, int]

    def error(self, field: FieldPath, message: str) -> DeclarationError:
        """An error that names this file, the field, and the nearest known line."""
        place = self.place(field)
        dotted = ".".join(str(part) for part in field)
        return DeclarationError(
            f"{place}: {dotted}: {message}" if dotted else f"{place}: {message}"
        )

    def place(self, field: FieldPath) -> str:
        """This file, and the nearest known line of a field."""
        known = field
        while known and known not in self.lines:
            known = known[:-1]
        return f"{shown(self.path)}:{self.lines.get(known, 1)}"

    def parse(self, model: type[Model]) -> Model:
        """The content as a declaration.

        Raises:
            DeclarationError: names file, line and field, one line for each mistake.
        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            found = error.errors()
            told = (describe_mistake(item, model) for item in found[:MOST_MISTAKES])
            problems = [str(self.error(self._field(at), message)) for at, message in told]
            if len(found) > MOST_MISTAKES:
                problems.append(f"… and {len(found) - MOST_MISTAKES} more mistakes")
            raise DeclarationError("\n".join(problems)) from None

    def parse_named(self, model: type[Model]) -> Model:
        """The same of a declaration that is named like its file.

        Raises:
            DeclarationError: as `parse`, and where it has another name.
        """
        parsed = self.parse(model)
        name = getattr(parsed, "name")  # noqa: B009
        if name != self.path.stem:
            raise self.error(
                ("name",), f"must be the file's name, {self.path.stem!r} (got {name!r})"
            )
        return parsed

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
        DeclarationError: if the file is missing, is not UTF-8 YAML, repeats a key, or is larger or
            nested deeper than any declaration (an alias counts as often as it is used).
    """
    text = _text(path)
    try:
        _check_depth(path, text)
        loader = yaml.CSafeLoader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise DeclarationError(f"{shown(path)}:1: expected fields (`name: value`)")
        # Before anything is made of it: a few lines of aliases can stand for any number of values.
        lines = dict(islice(_lines(path, node, ()), MOST_FIELDS + 1))
        if len(lines) > MOST_FIELDS:
            raise DeclarationError(f"{shown(path)}: more than {MOST_FIELDS:,} fields")
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DeclarationError(f"{shown(path)}:{line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # A date without such a day, a number of thousands of digits.
        raise DeclarationError(f"{shown(path)}: {error}") from None
    return Located(path, data, lines)


def _check_depth(path: Path, text: str) -> None:
    """libyaml composes nodes by recursion, and has no bound of its own."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise DeclarationError(f"{shown(path)}:{line}: nested too deeply")


def _text(path: Path) -> str:
    try:
        return read_regular(path, LARGEST).decode("utf-8")
    except NoRegularFile:
        raise DeclarationError(f"{shown(path)}: is not a file") from None
    except TooLargeFile:
        raise DeclarationError(f"{shown(path)}: larger than {LARGEST:,} bytes") from None
    except FileNotFoundError:
        raise DeclarationError(f"{shown(path)}: there is no such file") from None
    except OSError as error:
        raise DeclarationError(f"{shown(path)}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{shown(path)}: not UTF-8 at byte {error.start}") from None


def shown(path: Path) -> str:
    """The path as a person wants to read it: relative to here where it lies below."""
    # As text: it is asked for every row of a file.
    text = str(path).removeprefix(os.getcwd() + os.sep)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _lines(path: Path, node: yaml.Node, field: FieldPath) -> Iterator[tuple[FieldPath, int]]:
    line = node.start_mark.line + 1
    if len(field) > DEEPEST:
        raise DeclarationError(f"{shown(path)}:{line}: nested too deeply")
    if node.tag == INTEGER and len(node.value) > MOST_DIGITS:
        raise DeclarationError(f"{shown(path)}:{line}: a number of over {MOST_DIGITS} digits")
    yield field, line
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(path, item, (*field, index))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place = f"{shown(path)}:{key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise DeclarationError(f"{place}: a field's name must be a text")
            if key.value in seen:
                raise DeclarationError(f"{place}: {key.value}: this field is given twice")
            seen.add(key.value)
            yield from _lines(path, value, (*field, key.value))
            yield (*field, key.value), key.start_mark.line + 1
