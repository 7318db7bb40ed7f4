"""`alignment doctor`: what this machine can do, and what a study would take."""

from typing import Annotated

import typer

from alignment_dagster.cli.options import AsJson, complete_study

BROKEN = 1


def doctor(
    study: Annotated[
        str | None,
        typer.Argument(
            help="A study whose needs are estimated; this machine alone without it.",
            autocompletion=complete_study,
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, cuda or mps; without it, what placement.yaml in the home says."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say what this machine can do, or what a study would take: memory, tokens, hours, disk."""
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.cli.answer_terminal import show
    from alignment_dagster.foundation.home import Home
    from alignment_dagster.preflight.machine import Verdict, examine_machine
    from alignment_dagster.preflight.machine.answer import machine_answer

    home = Home.from_environment()
    findings = list(examine_machine(home, device))
    show(machine_answer(findings), as_json=as_json)
    if any(one.verdict is Verdict.BROKEN for one in findings):
        raise typer.Exit(BROKEN)
