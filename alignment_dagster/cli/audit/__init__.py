"""`alignment audit …`: one file a command. Each imports what it needs when it is called."""

import typer

audit = typer.Typer(
    help="From one number to every document behind it, and back, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

from alignment_dagster.cli.audit import approve  # noqa: E402
from alignment_dagster.cli.audit import bundle  # noqa: E402
from alignment_dagster.cli.audit import card  # noqa: E402
from alignment_dagster.cli.audit import check  # noqa: E402
from alignment_dagster.cli.audit import diff  # noqa: E402
from alignment_dagster.cli.audit import impact  # noqa: E402
from alignment_dagster.cli.audit import listing  # noqa: E402
from alignment_dagster.cli.audit import page  # noqa: E402
from alignment_dagster.cli.audit import replay  # noqa: E402
from alignment_dagster.cli.audit import sql  # noqa: E402
from alignment_dagster.cli.audit import trace  # noqa: E402
from alignment_dagster.cli.audit import verify  # noqa: E402
