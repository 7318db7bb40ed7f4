"""`alignment doctor`: what this machine can do, and what a study would take."""

from typing import TYPE_CHECKING, Annotated

import typer

from alignment_dagster.cli.options import AsJson, complete_study

if TYPE_CHECKING:
    from alignment_dagster.audit.answer import Answer
    from alignment_dagster.foundation.home import Home

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
    if study is not None:
        answer = _estimate(study, home, device)
        show(answer, as_json=as_json)
        if answer.warnings:
            raise typer.Exit(BROKEN)
        return
    findings = list(examine_machine(home, device))
    show(machine_answer(findings), as_json=as_json)
    if any(one.verdict is Verdict.BROKEN for one in findings):
        raise typer.Exit(BROKEN)


def _estimate(study: str, home: "Home", device: str) -> "Answer":
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.foundation.placement import choose_placement
    from alignment_dagster.preflight.estimate.answer import study_answer
    from alignment_dagster.preflight.estimate.study_estimate import estimate_study
    from alignment_dagster.preflight.studies import load_study

    placement = choose_placement(home, device=device)
    return study_answer(estimate_study(load_study(study, assets_folder()), home, placement), home)
