"""The jobs that a person launches: refresh the corpus, train one recipe, the whole study."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from alignment_dagster.defs.partitions import partitions_definition
from alignment_dagster.defs.whole_study import Options, run_whole_study
from alignment_dagster.graph.runs import mark_run
from alignment_dagster.graph.unfinished_runs import ASSETS_TAG
from alignment_dagster.refresh.job_names import refresh_job, train_job, whole_job
from alignment_dagster.steps.registry import READING_WAVE, TRAINING_WAVE, wave_assets, wave_steps
from alignment_dagster.study import Study


class Selected(dg.Config):
    """What cannot change a result: which part, and how many partitions side by side."""

    recipes: list[str] = Field(default_factory=list, description="Only these; all without any.")
    seeds: list[int] = Field(default_factory=list, description="Only these; all without any.")
    workers: int = Field(default=2, ge=1, description="Partitions computed side by side.")
    device: str = Field(default="", description="auto, cpu, cuda or mps; else as the home says.")


def _wave_job(study: Study, wave: int, name: str, description: str) -> object:
    """A partitioned job over the assets of one wave."""
    assets = wave_assets(study, wave)
    return dg.define_asset_job(
        name,
        selection=[dg.AssetKey([study.name, asset]) for asset in assets],
        partitions_def=partitions_definition(wave_steps(study, wave)[0], study),
        description=description,
        tags={"study": study.name, ASSETS_TAG: " ".join(assets)},
    )


def _whole_study(study: Study) -> dg.JobDefinition:
    @dg.op(name=f"{study.name}_all_assets", description="`alignment run`, in its own process.")
    def bring_up_to_date(context: dg.OpExecutionContext, config: Selected) -> None:
        mark_run(context.instance, context.run.run_id)
        options = Options(tuple(config.recipes), tuple(config.seeds), config.workers, config.device)
        run_whole_study(context, study.name, options)

    @dg.job(
        name=whole_job(study),
        description="Whole study: brings every asset up to date; what is unchanged does not run.",
        tags={"study": study.name},
        executor_def=dg.in_process_executor,
    )
    def whole_study() -> None:
        bring_up_to_date()

    return whole_study


def definitions(studies: Sequence[Study]) -> dg.Definitions:
    """The three jobs of every study."""
    jobs = []
    for study in studies:
        refresh = "Refresh corpus: reads one source again and scores its documents."
        train = "Train one recipe: pretrains, post-trains and measures one recipe with one seed."
        jobs += [
            _wave_job(study, READING_WAVE, refresh_job(study), refresh),
            _wave_job(study, TRAINING_WAVE, train_job(study), train),
            _whole_study(study),
        ]
    return dg.Definitions(jobs=jobs)  # type: ignore[arg-type]
