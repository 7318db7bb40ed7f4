"""The console script `alignment`. Each command imports what it needs when it is called."""

import os
import signal
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from alignment_dagster.cli.audit import audit
from alignment_dagster.cli.lake import lake
from alignment_dagster.foundation.errors import AlignmentError

app = typer.Typer(
    help="Alignment pretraining: run, measure and audit declared studies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(audit, name="audit")
app.add_typer(lake, name="lake")
MISTAKE = 2
STOPPED = 130
StudyName = Annotated[str, typer.Argument(help="A study declared in assets/studies/.")]


@app.command()
def check(
    study: Annotated[str | None, typer.Argument(help="One study; all without it.")] = None,
) -> None:
    """Validate declarations, lexicons and suite items without running anything."""
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


@app.command()
def run(
    study: StudyName,
    recipe: Annotated[list[str] | None, typer.Option(help="Only this recipe (repeatable).")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Only this seed (repeatable).")] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="The first asset to bring up to date.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="The last asset to bring up to date.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Partitions computed side by side.")] = min(
        2, os.cpu_count() or 1
    ),
) -> None:
    """Bring a study up to date: what is unchanged does not run."""
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.running.plan import Selection
    from alignment_dagster.running.runner import run_study

    selection = Selection(tuple(recipe or ()), tuple(seed or ()), first, last)
    outcome = run_study(load_study(study, assets_folder()), selection, workers)
    if outcome.failures:
        raise typer.Exit(1)


@app.command()
def results(
    study: StudyName,
    json: Annotated[bool, typer.Option("--json", help="Rows as JSON instead of a table.")] = False,
) -> None:
    """Print the latest report's numbers."""
    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.release.current_report import latest_report, print_results

    declared, home = load_study(study, assets_folder()), Home.from_environment()
    print_results(declared, latest_report(declared, home), home, as_json=json)


@app.command()
def export(
    study: StudyName,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    recipe: Annotated[str, typer.Option(help="The recipe of the replicate.")],
    seed: Annotated[int, typer.Option(help="The seed of the replicate.")],
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(help="Also the checkpoint of this stage: base, sft or dpo (repeatable)."),
    ] = None,
) -> None:
    """Write lm-evaluation-harness tasks and Inspect logs of one replicate.

    With --checkpoint also the model as a Hugging Face folder, with its model card and its signed
    records. The current report must rest on it, and be approved where the study declares
    `approval: required`, or where its regression gate blocks.
    """
    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.release import export
    from alignment_dagster.running.plan import Selection, check_selection

    declared = load_study(study, assets_folder())
    check_selection(declared, Selection((recipe,), (seed,)))
    home, stages = Home.from_environment(), tuple(dict.fromkeys(checkpoint or ()))
    for line in export.export_evaluation(declared, f"{recipe}|{seed}", folder, home, stages):
        typer.echo(line)


@app.command()
def notify(study: StudyName) -> None:
    """Send a test message on every channel that the study's refresh declares."""
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.refresh.notify import send_test

    sent = send_test(load_study(study, assets_folder()))
    for channel, reason in sent:
        typer.echo(f"{channel}: {reason or 'sent'}")
    if not sent:
        raise AlignmentError(f"study {study!r} declares no refresh.notifications")
    if any(reason for _, reason in sent):
        raise typer.Exit(1)


@app.command()
def budget(study: StudyName) -> None:
    """Show what training by itself may spend, has spent, and when the period ends."""
    from alignment_dagster.cli.budget import print_budget
    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.preflight.studies import load_study

    print_budget(load_study(study, assets_folder()), Home.from_environment())


@app.command()
def ui() -> None:
    """Serve the pages of Dagster, MLflow and the audit on 127.0.0.1 until Ctrl-C."""
    from alignment_dagster.cli.ui import serve

    serve()


def _stop(_number: int, _frame: FrameType | None) -> None:
    """However the process is asked to end, what it started is ended and recorded first."""
    sys.exit(STOPPED)


def main() -> None:
    """Run a command; a user's mistake is one message, not a traceback."""
    warnings.filterwarnings("ignore", module="dagster")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        app()
    except AlignmentError as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"[red]error[/]: {escape(str(error))}")
        sys.exit(MISTAKE)
