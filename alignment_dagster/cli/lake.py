"""`alignment lake …`: what lies in the lake, and how long."""

from typing import Annotated

import typer

from alignment_dagster.cli.options import AsJson, StudyName

lake = typer.Typer(
    help="What lies in the lake, and how long.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@lake.callback()
def commands() -> None:
    """What lies in the lake, and how long."""


@lake.command("gc")
def gc(
    study: StudyName,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove it; without, nothing is written.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what no report, review or current version refers to; remove its files with --delete.

    The signed records stay, and a signed tombstone says what was removed. Dagster's and MLflow's
    databases are left alone.
    """
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.refresh.retention.collect import collect_garbage

    declared = load_study(study, assets_folder())
    show(collect_garbage(declared, delete=delete), as_json=as_json)
