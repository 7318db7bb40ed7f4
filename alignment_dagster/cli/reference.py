"""`alignment reference`: every field that can be declared."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.options import AsJson


class Kind(StrEnum):
    """What a file in `assets/` can declare."""

    STUDY = "study"
    SOURCE = "source"
    CLASSIFIER = "classifier"
    RECIPE = "recipe"
    SUITE = "suite"


def reference(
    kind: Annotated[Kind | None, typer.Argument(help="Only this kind of file.")] = None,
    schema: Annotated[
        Path | None,
        typer.Option(help="Write JSON Schema files, which editors read, into this folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every field that can be declared: what may stand there, the default, what it is."""
    # Imported here for weight: this file is read for every command's --help.
    from dataclasses import asdict

    from alignment_dagster.audit.answer import Answer, Table
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.study.reference import sections, write_schemas

    if schema is not None:
        for path in write_schemas(schema):
            typer.echo(path)
        return
    found = {one.value: sections(one.value) for one in ([kind] if kind else Kind)}
    tables = [
        Table(
            f"\n{name} {part.path}: {part.description}" if part.path else f"\n{name}",
            ("field", "value", "default", ""),
            [(row.name, row.type, row.default, row.description) for row in part.fields],
        )
        for name, parts in found.items()
        for part in parts
    ]
    data = {name: [asdict(part) for part in parts] for name, parts in found.items()}
    show(Answer("every field that can be declared", [], tables, data), as_json=as_json)
