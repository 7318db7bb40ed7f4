"""Every field that can be declared, read off the models: as JSON Schema, and as rows to print.

The words are those below each field in the models. They are parsed from the source when they are
asked for: pydantic could do it whenever the models are imported, which every command would pay for.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.declaration_mistakes import NAME_PATTERN
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.classifiers import Classifier
from alignment_dagster.study.declaration import StudyDeclaration
from alignment_dagster.study.prompts import PromptFile
from alignment_dagster.study.recipes import Recipe
from alignment_dagster.study.scenarios import ScenarioFile, Specification
from alignment_dagster.study.sources import Source
from alignment_dagster.study.suites import Suite

KINDS: Mapping[str, type[Declared]] = {
    "study": StudyDeclaration,
    "source": Source,
    "classifier": Classifier,
    "recipe": Recipe,
    "suite": Suite,
    "scenarios": ScenarioFile,
    "specification": Specification,
    "prompt": PromptFile,
}
"""What a file in `assets/` can declare → its model."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "#/$defs/"
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}
Schema = dict[str, Any]


@dataclass(frozen=True)
class FieldRow:
    """One field, as a person reads of it."""

    name: str
    type: str
    default: str
    """`required`, or what stands there where nothing is said."""
    description: str


@dataclass(frozen=True)
class Section:
    """The fields of a declaration, or of one part of it."""

    path: str
    """Where the part stands in the file, dotted, with its `kind`; empty for the file itself."""
    description: str
    fields: tuple[FieldRow, ...]


def json_schema(kind: str) -> Schema:
    """What a file of this kind may hold, for editors: JSON Schema with descriptions."""
    model = KINDS[kind]
    schema: Schema = model.model_json_schema()
    descriptions = {one.__name__: _descriptions(one) for one in _models(Declared)}
    for name, part in {model.__name__: schema, **schema.get("$defs", {})}.items():
        for field, found in part.get("properties", {}).items():
            found.pop("title", None)
            if description := descriptions[name].get(field):
                found["description"] = description
        part["description"] = " ".join(part["description"].split())
    return {"$schema": DIALECT, **schema, "title": kind}


def write_schemas(folder: Path) -> tuple[Path, ...]:
    """Write the schema of each kind as `KIND.json`, over what is there.

    Raises:
        AlignmentError: if the folder cannot be written.
    """
    written = tuple(folder / f"{kind}.json" for kind in KINDS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in written:
            text = json.dumps(json_schema(path.stem), indent=1, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise AlignmentError(f"{folder}: cannot be written: {error.strerror}") from None
    return written


def sections(kind: str) -> tuple[Section, ...]:
    """The file's own fields, then those of each part, in the order in which they are met."""
    schema = json_schema(kind)
    return tuple(_sections(schema, "", schema.get("$defs", {}), set()))


def _sections(
    schema: Schema, path: str, parts: Mapping[str, Schema], seen: set[str]
) -> Iterator[Section]:
    required = schema.get("required", ())
    rows = tuple(
        FieldRow(
            name,
            _type(field),
            "required" if name in required else _default(field),
            field.get("description", ""),
        )
        for name, field in schema["properties"].items()
    )
    yield Section(path, schema["description"], rows)
    for name, field in schema["properties"].items():
        for part in _parts(field):
            if part not in seen:
                seen.add(part)
                inner = f"{path}.{name}".strip(".")
                kind = parts[part]["properties"].get("kind", {}).get("const")
                inner = f"{inner}: {kind}" if kind else inner
                yield from _sections(parts[part], inner, parts, seen)


def _parts(field: Schema) -> list[str]:
    """The parts that a field's value is made of."""
    if "$ref" in field:
        return [field["$ref"].removeprefix(REFERENCE)]
    inner = [*field.get("anyOf", ()), *field.get("oneOf", ())]
    inner += [field["items"]] if "items" in field else []
    return [part for one in inner for part in _parts(one)]


def _type(field: Schema) -> str:
    alternatives = [*field.get("anyOf", ()), *field.get("oneOf", ())]
    if alternatives:
        kinds = dict.fromkeys(_type(one) for one in alternatives if one.get("type") != "null")
        return " or ".join(kinds)
    if "$ref" in field:
        return "fields, below"
    if "const" in field or "enum" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    if field["type"] == "string":
        pattern = field.get("pattern")
        return (
            "name" if pattern == NAME_PATTERN else f"text like `{pattern}`" if pattern else "text"
        )
    if field["type"] == "boolean":
        return "`true`, `false`"
    bounds = [f"{words} {field[name]:,}" for name, words in BOUNDS.items() if name in field]
    return ", ".join([field["type"], *bounds])


def _default(field: Schema) -> str:
    value = field.get("default")
    if value is None or value in ([], {}):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _models(base: type[Declared]) -> Iterator[type[Declared]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _descriptions(model: type[Declared]) -> Mapping[str, str]:
    """The text below each field of a model and of those that it extends."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Declared) and base is not Declared:
            (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(definition, ast.ClassDef)
            for field, below in zip(definition.body, definition.body[1:], strict=False):
                match field, below:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        found[name] = " ".join(text.split())
    return found
