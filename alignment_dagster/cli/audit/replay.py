"""`alignment audit replay`: take training steps again."""

from typing import Annotated

import typer

from alignment_dagster.cli.audit.options import StudyName
from alignment_dagster.cli.options import AsJson, HtmlFile


def replay(
    study: StudyName,
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="pretrained_checkpoint[recipe|seed] or trunk_checkpoint[recipe|seed], or one "
            "@version of it."
        ),
    ],
    steps: Annotated[str, typer.Option(help="First and last step: a:b, from 1.")],
    as_json: AsJson = False,
    html: HtmlFile = None,
) -> None:
    """Take training steps again and compare them with what the trainer recorded."""
    # Imported here for weight: this file is read for every command's --help.
    import sys

    from rich.console import Console
    from rich.progress import Progress

    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.audit.replay import replay_steps
    from alignment_dagster.audit.replay_answer import replay_as_answer
    from alignment_dagster.cli.answer_terminal import show

    archive = open_archive(study)
    quiet = not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("steps", total=None)
        outcome = replay_steps(
            archive,
            archive.find(checkpoint),
            steps,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    show(replay_as_answer(outcome), as_json=as_json, html=html)
    if not outcome.identical:
        raise typer.Exit(1)
