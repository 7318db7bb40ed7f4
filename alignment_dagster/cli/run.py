"""`alignment run`: a study, brought up to date."""

import os
from typing import Annotated

import typer

from alignment_dagster.cli.options import StudyName


def run(
    study: StudyName,
    recipe: Annotated[list[str] | None, typer.Option(help="Only this recipe (repeatable).")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Only this seed (repeatable).")] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="The first asset to bring up to date.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="The last asset to bring up to date.")
    ] = None,
    smoke: Annotated[
        bool,
        typer.Option(help="The whole chain in small, as a study STUDY_smoke of its own."),
    ] = False,
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, cuda or mps; without it, what placement.yaml in the home says."
        ),
    ] = "",
    dry: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show what would be made, why, and what it takes; nothing is run."
        ),
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Partitions computed side by side.")] = min(
        2, os.cpu_count() or 1
    ),
) -> None:
    """Bring a study up to date: what is unchanged does not run."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.running.plan import Selection
    from alignment_dagster.running.runner import run_study
    from alignment_dagster.study.smoke import SUFFIX, WARNING, is_smoke

    declared = load_study(f"{study}{SUFFIX}" if smoke else study, assets_folder())
    if is_smoke(declared.name):
        typer.echo(f"{declared.name}: {WARNING}", err=True)
    selection = Selection(tuple(recipe or ()), tuple(seed or ()), first, last)
    if dry:
        from alignment_dagster.cli.answer_terminal import show
        from alignment_dagster.running.dry_run import dry_run

        show(dry_run(declared, selection, workers, device))
        return
    outcome = run_study(declared, selection, workers, device)
    if outcome.failures:
        raise typer.Exit(1)
