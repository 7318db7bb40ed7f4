"""`alignment export`: one replicate, for the tools of others."""

from pathlib import Path
from typing import Annotated

import typer

from alignment_dagster.cli.options import StudyName


def export(
    study: StudyName,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    recipe: Annotated[str, typer.Option(help="The recipe of the replicate.")],
    seed: Annotated[int, typer.Option(help="The seed of the replicate.")],
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(help="Also the checkpoint of a stage: base, sft, dpo or grpo (repeatable)."),
    ] = None,
) -> None:
    """Write lm-evaluation-harness tasks and Inspect logs of one replicate.

    With --checkpoint also the model as a Hugging Face folder, with its model card and its signed
    records. The current report must rest on it, and be approved where the study declares
    `approval: required`, or where its regression gate blocks.
    """
    # Imported here for weight: this file is read for every command's --help.
    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.lineage.partition_keys import replicate
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.release.export import export_evaluation
    from alignment_dagster.running.plan import Selection, check_selection

    declared = load_study(study, assets_folder())
    check_selection(declared, Selection((recipe,), (seed,)))
    home, stages = Home.from_environment(), tuple(dict.fromkeys(checkpoint or ()))
    for line in export_evaluation(declared, replicate(recipe, seed), folder, home, stages):
        typer.echo(line)
