"""`alignment audit bundle`: a signed dossier of a report, to be taken away and checked offline."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName


def bundle(
    study: StudyName,
    file: Annotated[Path, typer.Option("--output", "-o", help="A new file.")],
    report: Annotated[
        str | None, typer.Argument(help="The (beginning of the) version; else the current one.")
    ] = None,
    with_text: Annotated[
        bool, typer.Option("--with-text", help="Put in the documents' texts, not digests alone.")
    ] = False,
    redact: Annotated[
        list[str] | None,
        typer.Option(help="With --with-text: only digests of this source (repeatable)."),
    ] = None,
) -> None:
    """Write a signed dossier: report, records, ledgers, and the program that checks them."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.release.dossier.build import build_dossier

    written = build_dossier(
        open_archive(study), report, file, texts=with_text, redacted=redact or ()
    )
    size = written.path.stat().st_size
    typer.echo(
        f"{written.path}: {size:,} bytes; {written.report} with {written.artifacts} artifacts and "
        f"{written.documents:,} documents\nMerkle root {written.root}\njournal {written.head}"
        f"\nsigned by key {written.key}"
        f"\ncheck it: alignment audit verify {written.path}, or the verify.py in it"
    )
