"""`alignment check`: what is declared, without running anything."""

import typer

from alignment_dagster.cli.options import AnyStudy


def check(study: AnyStudy = None) -> None:
    """Validate declarations, lexicons and suite items without running anything."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.services import require_all_reachable
    from alignment_dagster.preflight.studies import load_study, study_names, unused
    from alignment_dagster.preflight.study_check import check_study

    require_all_reachable()
    assets = assets_folder()
    for name in [study] if study else study_names(assets):
        for line in check_study(load_study(name, assets)):
            typer.echo(line)
    if study is None:
        for path in unused(assets):
            typer.echo(f"{path}: no study names it")
