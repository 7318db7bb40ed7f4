"""The reference and the editors' schemas say of every field what the models say today."""

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from alignment_dagster.foundation.shipped import shipped
from alignment_dagster.study.reference import KINDS, json_schema, sections, write_schemas
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import TinyStudy

TOOL = runpy.run_path(str(CHECKOUT / "tools" / "reference.py"))
TEMPLATES = CHECKOUT / "alignment_dagster" / "scaffold" / "templates"
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


def declarations() -> Iterator[tuple[str, Path]]:
    """Every shipped file, and every template, with its kind."""
    for kind, folder in TOOL["FOLDERS"].items():
        declared = CHECKOUT / "assets" / folder
        for path in sorted([*declared.glob("*.yaml"), *declared.glob("papers/*.yaml")]):
            yield kind, path
    for kind in ("study", "recipe", "source"):
        yield kind, TEMPLATES / f"{kind}.yaml"


def test_the_page_is_what_the_models_say_today() -> None:
    assert TOOL["PAGE"].read_text("utf-8") == TOOL["page"](), "python tools/reference.py writes it"


def test_the_schemas_are_what_the_models_say_today(tmp_path: Path) -> None:
    for path in write_schemas(tmp_path):
        kept = shipped("assets") / "schemas" / path.name
        assert kept.read_text("utf-8") == path.read_text("utf-8"), "python tools/reference.py"


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described(kind: str) -> None:
    for part in sections(kind):
        assert part.description
        for field in part.fields:
            assert field.description.endswith("."), (part.path, field.name)


def test_editors_are_told_what_loading_says() -> None:
    """All that is shipped fits its schema; an unknown field, kind or a wrong type does not."""
    found = list(declarations())
    assert {kind for kind, _ in found} == set(KINDS)
    validators = {kind: jsonschema.Draft202012Validator(json_schema(kind)) for kind in KINDS}
    for validator in validators.values():
        validator.check_schema(validator.schema)
    for kind, path in found:
        text = path.read_text("utf-8").replace(f"name: {kind.upper()}", "name: mine")
        validators[kind].validate(yaml.safe_load(text))
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("recipe", {"remainders": "natural"}),
        ("source", {"reader": {"kind": "xml", "path": "a"}}),
        ("suite", {"kind": "two_options"}),
        ("study", {"seeds": "none"}),
    ]
    for kind, change in wrong:
        path = next(path for one, path in found if one == kind)
        changed = {**yaml.safe_load(path.read_text("utf-8")), **change}
        with pytest.raises(jsonschema.ValidationError):
            validators[kind].validate(changed)


def test_the_first_line_of_every_file_leads_to_its_schema() -> None:
    for kind, path in declarations():
        line = MODELINE.match(path.read_text("utf-8"))
        assert line, path
        if path.parent == TEMPLATES:
            assert line[1] == f"../schemas/{kind}.json"
        else:
            assert json.loads((path.parent / line[1]).read_text("utf-8"))["title"] == kind


def test_a_line_for_editors_changes_nothing_that_is_declared(tiny: TinyStudy) -> None:
    before = tiny.load()
    for path in tiny.assets.glob("*/*.yaml"):
        path.write_text("# yaml-language-server: $schema=x.json\n" + path.read_text())
    assert tiny.load() == before
