"""`alignment audit …`: one file a command. Each imports what it needs when it is called."""

import typer

audit = typer.Typer(
    help="From one number to every document behind it, and back, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

from alignment_dagster.cli.audit import (
    approve,
    bundle,
    card,
    check,
    diff,
    impact,
    listing,
    page,
    replay,
    sql,
    trace,
    verify,
)
