"""A job process under Dagster Pipes, followed live: progress, MLflow metrics, and the log."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from alignment_dagster.foundation import job_process
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.graph import progress_listener
from alignment_dagster.lineage.metric import Data, Measured
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.foundation.job import PROGRESS, RESULT, follow

if TYPE_CHECKING:
    from alignment_dagster.graph.materialize import Making

CONFIG = "job.json"


@dataclass
class Follower:
    """Reads a job's progress file and passes on what is new."""

    making: "Making"
    dataset: Data
    position: int = 0

    def __call__(self) -> None:
        progress_listener.check()
        entries, self.position = follow(self.making.work, self.position)
        reports = [entry for entry in entries if "stage" in entry]
        if reports:
            last = reports[-1]
            self.making.report(last["done"], last["total"], f"{last['unit']} ({last['stage']})")
            self._log(reports)

    def _log(self, reports: list[dict[str, Any]]) -> None:
        models = self.making.tracked.models
        only = next(iter(models.values()), None)
        self.making.log(
            Measured(
                f"{entry['stage']}/{name}",
                value,
                entry["done"],
                self.dataset,
                models.get(entry["stage"], only),
            )
            for entry in reports
            for name, value in entry["values"].items()
        )


def run(making: "Making", module: str, job: Declared, dataset: Artifact) -> dict[str, float | str]:
    """Run `module` with `job` as its configuration, under Pipes, in its own process group.

    Returns:
        What the job measured of itself.

    Raises:
        AlignmentError: the job's own message, or how it ended and where its log is.
    """
    work = making.work
    work.mkdir(parents=True, exist_ok=True)
    (work / PROGRESS).unlink(missing_ok=True)
    config = work / CONFIG
    config.write_text(job.model_dump_json(indent=1), encoding="utf-8")
    with dg.open_pipes_session(
        making.context,
        dg.PipesTempFileContextInjector(),
        dg.PipesTempFileMessageReader(),
    ) as session:
        environment = dict(session.get_bootstrap_env_vars())
        command = job_process.Command(module, config, work, environment)
        job_process.run(command, Follower(making, dataset.as_data()))
    result: dict[str, float | str] = json.loads((work / RESULT).read_text(encoding="utf-8"))
    return result
