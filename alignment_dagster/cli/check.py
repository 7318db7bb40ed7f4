"""`alignment check`: what is declared, without running anything."""

from itertools import chain

import typer

from alignment_dagster.cli.options import AnyStudy


def check(study: AnyStudy = None) -> None:
    """Validate declarations, lexicons and suite items without running anything."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.foundation.errors import DeclarationError
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.services import require_all_reachable
    from alignment_dagster.preflight.studies import find_unused, load_study, study_names
    from alignment_dagster.preflight.study_check import check_study
    from alignment_dagster.refresh.notify import problems

    require_all_reachable()
    assets = assets_folder()
    names = [study] if study else study_names(assets)
    if not names:
        raise DeclarationError(f"{assets / 'studies'}: no study is declared there")
    studies = [load_study(name, assets) for name in names]
    for declared in studies:
        for line in chain(check_study(declared, asked=bool(study)), problems(declared)):
            typer.echo(line)
    if study is None:
        for path in find_unused(studies, assets):
            typer.echo(f"{path}: no study names it")
