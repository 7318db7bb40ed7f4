"""The console script `alignment`, and `python -m alignment_dagster`."""

import signal
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from alignment_dagster.cli.audit import audit
from alignment_dagster.cli.budget import budget
from alignment_dagster.cli.check import check
from alignment_dagster.cli.corpus import corpus
from alignment_dagster.cli.doctor import doctor
from alignment_dagster.cli.export import export
from alignment_dagster.cli.init import init
from alignment_dagster.cli.lake import lake
from alignment_dagster.cli.listing import list_command
from alignment_dagster.cli.new import new
from alignment_dagster.cli.notify import notify
from alignment_dagster.cli.reference import reference
from alignment_dagster.cli.results import results
from alignment_dagster.cli.run import run
from alignment_dagster.cli.synthetic import synthetic
from alignment_dagster.cli.ui import ui
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import enter_project

MISTAKE = 2
STOPPED = 130

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for command in (init, new, reference, check, doctor, run, results, export, notify, budget, ui):
    app.command()(command)
app.command("list")(list_command)
app.add_typer(audit, name="audit")
app.add_typer(corpus, name="corpus")
app.add_typer(lake, name="lake")
app.add_typer(synthetic, name="synthetic")


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # for weight: it is asked for rarely

        typer.echo(version("alignment-dagster"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Alignment pretraining: run, measure and audit declared studies."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    """However the process is asked to end, what it started is ended and recorded first."""
    sys.exit(STOPPED)


def main() -> None:
    """Run a command; a user's mistake is one message, not a traceback."""
    warnings.filterwarnings("ignore", module=r"dagster|alignment_dagster\.defs")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    enter_project(Path.cwd())
    try:
        app(prog_name="alignment")
    except AlignmentError as error:
        # Imported here for weight.
        from rich.console import Console
        from rich.markup import escape

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"[red]error[/]: {escape(str(error))}")
        sys.exit(MISTAKE)
