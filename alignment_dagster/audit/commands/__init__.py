"""`alignment audit …`: one file a command. Each imports what it needs when it is called."""

import typer

audit = typer.Typer(
    help="From one number to every document behind it, and back, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

from alignment_dagster.audit.commands import approve as approve  # noqa: E402
from alignment_dagster.audit.commands import bundle as bundle  # noqa: E402
from alignment_dagster.audit.commands import card as card  # noqa: E402
from alignment_dagster.audit.commands import check as check  # noqa: E402
from alignment_dagster.audit.commands import diff as diff  # noqa: E402
from alignment_dagster.audit.commands import impact as impact  # noqa: E402
from alignment_dagster.audit.commands import listing as listing  # noqa: E402
from alignment_dagster.audit.commands import page as page  # noqa: E402
from alignment_dagster.audit.commands import replay as replay  # noqa: E402
from alignment_dagster.audit.commands import sql as sql  # noqa: E402
from alignment_dagster.audit.commands import trace as trace  # noqa: E402
from alignment_dagster.audit.commands import verify as verify  # noqa: E402
