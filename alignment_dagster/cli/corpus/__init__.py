"""`alignment corpus …`: one file a command."""

import typer

from alignment_dagster.cli.corpus import browse, canaries, diff, quarantine, thresholds, why

corpus = typer.Typer(
    help="Look at the data: every row that was read, and what became of it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
corpus.command("browse")(browse.browse_command)
corpus.command("canaries")(canaries.canaries_command)
corpus.command("diff")(diff.diff_command)
corpus.command("quarantine")(quarantine.quarantine_command)
corpus.command("thresholds")(thresholds.thresholds_command)
corpus.command("why")(why.why_command)
