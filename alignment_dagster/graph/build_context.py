"""What a build works with: its study, parents and folders, and the run that tracks it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from alignment_dagster.engines import jobs
from alignment_dagster.engines.accelerators import held_accelerators
from alignment_dagster.foundation import job_process
from alignment_dagster.foundation.errors import AlignmentError, DeclarationError, OutOfMemory
from alignment_dagster.foundation.job import HELD_OUT_LOSS, PROGRESS, RESULT, follow
from alignment_dagster.foundation.placement import Placement
from alignment_dagster.foundation.work_seals import KEY_VARIABLE, PURPOSE
from alignment_dagster.foundation.yaml_models import Declared, read_yaml
from alignment_dagster.graph import progress_listener
from alignment_dagster.graph.parent_spec import Parents
from alignment_dagster.graph.stores import Stores
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.metric import Dataset, Metric
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Inputs
from alignment_dagster.study import Study
from alignment_dagster.study.smoke import study_file

if TYPE_CHECKING:  # MLflow takes seconds to import
    from alignment_dagster.lineage.mlflow_runs import TrackedRun

CONFIG = "job.json"
PIPES_CONTEXT, PIPES_MESSAGES = "pipes-context.json", "pipes-messages.jsonl"


@dataclass
class BuildContext:
    """All that a step's `build` may use."""

    dagster: dg.AssetExecutionContext
    study: Study
    parents: Parents
    inputs: Inputs
    folder: Path
    """The artifact's files go here."""
    work: Path
    """Stays when the run is killed: what it is resumed from."""
    stores: Stores
    tracked: "TrackedRun"

    @property
    def asset(self) -> str:
        return self.inputs.asset

    @property
    def partition(self) -> Partition:
        return self.inputs.partition

    def report(self, done: int, total: int, unit: str) -> None:
        """Progress for whoever watches."""
        self.tell(progress_listener.Advance(done, total, unit))

    def tell(self, advance: progress_listener.Advance) -> None:
        """The same, with what was measured there."""
        progress_listener.tell(self.asset, self.partition, advance)

    def log(self, metrics: Iterable[Metric]) -> None:
        """Metrics for MLflow, each tied to its data and model."""
        self.tracked.log(metrics)

    def register_model(self, stage: str, declared: Declared) -> None:
        """Name the model that is being made, so that metrics can be tied to it."""
        name = f"{self.study.name}-{stage}-{(self.partition or '').replace('|', '-')}"
        params = {key: str(value) for key, value in declared.model_dump().items()}
        self.tracked.register_model(stage, name, params)

    def track_file(self, path: Path) -> None:
        """Put a file where MLflow's page shows it."""
        self.tracked.client.log_artifact(self.tracked.run_id, str(path))

    def run_job(
        self, module: str, job: Declared, dataset: Artifact | None, ranks: int = 1
    ) -> dict[str, float | str]:
        """Run `module` with `job` as its configuration, under Pipes, in its own process group.

        Args:
            dataset: what the job's metrics are tied to; None where it has none to log.
            ranks: processes that share the job.

        Returns:
            What the job measured of itself: seconds, tokens per second, memory.

        Raises:
            AlignmentError: the job's own message, or how it ended and where its log is; where
                memory did not suffice, with file and line of the setting to lower.
        """
        placement: Placement = self.dagster.resources.placement.choose(self.stores.home)
        job = job.model_copy(update=placement.for_jobs())
        self.work.mkdir(parents=True, exist_ok=True)
        (self.work / PROGRESS).unlink(missing_ok=True)
        config = self.work / CONFIG
        config.write_text(job.model_dump_json(indent=1), encoding="utf-8")
        with (
            self._turn(placement, ranks) as shown,
            dg.open_pipes_session(
                self.dagster,
                # In a folder that a job on another machine sees, too.
                dg.PipesFileContextInjector(str(self.work / PIPES_CONTEXT)),
                dg.PipesFileMessageReader(str(self.work / PIPES_MESSAGES), cleanup_file=True),
            ) as session,
        ):
            secret = self.stores.lake.keys.signer().derive(PURPOSE)
            environment = {**session.get_bootstrap_env_vars(), **shown, KEY_VARIABLE: secret}
            command = job_process.Command(module, config, self.work, environment, ranks)
            follower = _ProgressFollower(self, dataset.as_dataset() if dataset else None)
            say = self.dagster.log.info
            try:
                jobs.run(command, placement.launcher, [self.folder], follower, say)
            except OutOfMemory as error:
                raise AlignmentError(f"{setting_place(self.study, error.setting)}{error}") from None
        result: dict[str, float | str] = json.loads(
            (self.work / RESULT).read_text(encoding="utf-8")
        )
        return result

    @contextmanager
    def _turn(self, placement: Placement, ranks: int) -> Iterator[Mapping[str, str]]:
        """No two jobs on one accelerator, whichever process of this home starts them."""
        if not placement.shared:
            yield {}
            return
        home, check = self.stores.home.root, progress_listener.check
        with held_accelerators(home, placement.gpus, ranks, check) as shown:
            check()
            yield shown


def setting_place(study: Study, setting: str) -> str:
    """File and line of a field of a study, to stand before a message.

    Args:
        setting: the field, with dots.

    Returns:
        Nothing where the file cannot be read any more.
    """
    field = tuple(int(one) if one.isdecimal() else one for one in setting.split(".") if one)
    with suppress(DeclarationError):
        return f"{read_yaml(study_file(study)).place(field)}: "
    return ""


@dataclass
class _ProgressFollower:
    """Reads a job's progress file and passes on what is new."""

    context: BuildContext
    dataset: Dataset | None
    position: int = 0
    held_out: dict[str, float] = field(default_factory=dict)
    """What was measured last of the losses that not every report has."""

    def __call__(self) -> None:
        progress_listener.check()
        entries, self.position = follow(self.context.work, self.position)
        reports = [entry for entry in entries if "stage" in entry]
        if reports:
            last = reports[-1]
            unit = f"{last['unit']} ({last['stage']})"
            measured = (each for one in reports for each in one["values"].items())
            self.held_out |= {name: it for name, it in measured if name.startswith(HELD_OUT_LOSS)}
            values = {**last["values"], **self.held_out}
            self.context.tell(progress_listener.Advance(last["done"], last["total"], unit, values))
            if self.dataset is not None:
                self._log(reports, self.dataset)

    def _log(self, reports: list[dict[str, Any]], dataset: Dataset) -> None:
        models = self.context.tracked.models
        only = next(iter(models.values()), None)
        self.context.log(
            Metric(
                f"{entry['stage']}/{name}",
                value,
                entry["done"],
                dataset,
                models.get(entry["stage"], only),
            )
            for entry in reports
            for name, value in entry["values"].items()
        )
