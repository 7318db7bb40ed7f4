"""`alignment list …`: what is declared, and what there is to declare with."""

from enum import StrEnum
from typing import Annotated

import typer

from alignment_dagster.cli.options import AsJson

SHORTEST = 40
"""Characters that a description has room for at least; the JSON has it whole."""


class Listed(StrEnum):
    """What can be listed."""

    STUDIES = "studies"
    SOURCES = "sources"
    CLASSIFIERS = "classifiers"
    RECIPES = "recipes"
    SUITES = "suites"
    SCORERS = "scorers"
    READERS = "readers"
    FORMATS = "formats"
    ATTACKS = "attacks"


def list_command(
    kind: Annotated[Listed, typer.Argument(help="What to list.")],
    as_json: AsJson = False,
) -> None:
    """List what is declared (studies, sources, …), or what to declare with (scorers, …)."""
    # Imported here for weight: this file is read for every command's --help.
    from textwrap import shorten

    from alignment_dagster.audit.answer import Answer, Table
    from alignment_dagster.cli.answer_terminal import NARROWEST, show
    from alignment_dagster.cli.catalogue import catalogue

    entries = catalogue(kind)
    columns = max((list(entry) for entry in entries), key=len, default=[])
    rows = [[entry.get(name, "?") for name in columns] for entry in entries]
    beside = (max(map(len, texts)) + 2 for texts in zip(columns, *rows, strict=True))
    room = max(SHORTEST, NARROWEST - sum([*beside][:-1]))
    rows = [[*row[:-1], shorten(row[-1], room, placeholder=" …")] for row in rows]
    blocks = [Table("", columns, rows)] if rows else []
    show(Answer(f"{len(rows)} {kind}", [], blocks, {kind: entries}), as_json=as_json)
