"""`alignment new`: a declaration of one's own, to be changed."""

from enum import StrEnum
from typing import Annotated

import typer


class NewKind(StrEnum):
    """What there is a template of."""

    STUDY = "study"
    RECIPE = "recipe"
    SOURCE = "source"
    CLASSIFIER = "classifier"


def new(
    kind: Annotated[NewKind, typer.Argument(help="What to declare.")],
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and underscores.")],
) -> None:
    """Write a commented file that can be used as it is; nothing is overwritten."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.foundation.yaml_models import shown
    from alignment_dagster.scaffold import write_new

    for path in write_new(kind, name, assets_folder()):
        typer.echo(f"{shown(path)} is yours to change.")
    typer.echo(NEXT[kind].format(name=name))


NEXT = {
    NewKind.STUDY: "It runs as it is: alignment run {name}",
    NewKind.RECIPE: "Name it in the `recipes` of a study, then: alignment check",
    NewKind.SOURCE: "Name it in the `sources` of a study, then: alignment check",
    NewKind.CLASSIFIER: "Name it in the `classifiers` of a study, then: alignment check",
}
"""What to do with it."""
