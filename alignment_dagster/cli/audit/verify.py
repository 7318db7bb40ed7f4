"""`alignment audit verify`: check a dossier; it needs neither a lake nor a study."""

from pathlib import Path
from typing import Annotated

import typer


def verify(
    file: Annotated[
        Path, typer.Argument(help="A dossier that `bundle` wrote, or its unpacked folder.")
    ],
    key: Annotated[
        Path | None, typer.Option(help="The signer's public key (PEM), known by other means.")
    ] = None,
) -> None:
    """Check a dossier and say what it proves; exit code 1 where something does not hold."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.release.dossier.verify import main

    arguments = [f"--key={key}"] if key else []
    raise typer.Exit(main([*arguments, "--", str(file)]))
