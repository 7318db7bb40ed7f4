"""`alignment audit card`: model and dataset cards, Croissant metadata and an ML-BOM."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import ReportVersion, StudyName


def card_command(
    study: StudyName,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    report: ReportVersion = None,
) -> None:
    """Write cards of models and data in others' formats, from provenance and ledgers alone.

    A model card for each recipe and a dataset card (Hugging Face), Croissant 1.1 metadata and a
    CycloneDX 1.6 ML-BOM, both validated. Everything behind the report is verified first.
    """
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.open_report import open_archive, open_report
    from alignment_dagster.release.cards.write import write_cards

    with open_report(open_archive(study), report) as opened:
        for name in write_cards(opened, folder):
            typer.echo(f"{folder / name}")
