"""A job as a run of Ray Train's: a worker for each rank, on the cluster that `RAY_ADDRESS` names.

`python -m alignment_dagster.engines.ray_train CONFIG.json`

The process that asks for it is one of this machine; when it ends, Ray ends the workers.
"""

import importlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alignment_dagster.engines.launch import answer, launched
from alignment_dagster.engines.ray_data import ADDRESS_VARIABLE, connect, require_cluster
from alignment_dagster.foundation import job_process
from alignment_dagster.foundation.errors import AlignmentError, first_line
from alignment_dagster.foundation.job import ERROR, USER_ERROR
from alignment_dagster.foundation.job_process import Command
from alignment_dagster.foundation.launchers import Ray

MODULE = "alignment_dagster.engines.ray_train"
CONFIG = "ray.json"
STORAGE = "ray"
PASSED_ON = ("ALIGNMENT_", "HF_", "CUBLAS_", "PYTORCH_")
"""Beginnings of variables of this process that hold for the workers, too."""


def run(command: Command, asked: Ray, folders: Sequence[Path], poll: Callable[[], None]) -> None:
    """As `job_process.run`; where too much of the cluster is taken, it waits.

    Raises:
        AlignmentError: the job's own message, or what became of its workers.
    """
    require_ray()
    command.work.mkdir(parents=True, exist_ok=True)
    job = {
        "module": command.module,
        "config": str(command.config),
        "work": str(command.work),
        "folders": [str(folder) for folder in (command.work, *folders)],
        "environment": sorted(command.environment),
        "ranks": command.ranks,
        "cpus": asked.cpus,
        "gpus": asked.gpus,
    }
    config = command.work / CONFIG
    config.write_text(json.dumps(job), encoding="utf-8")
    # The values stand in no file: one is the key that training states are sealed with.
    job_process.run(Command(MODULE, config, command.work, command.environment), poll)


def require_ray() -> None:
    """Whether a cluster is named, and there.

    Raises:
        AlignmentError: if not.
    """
    address = os.environ.get(ADDRESS_VARIABLE)
    if not address:
        raise AlignmentError(f"launcher ray: {ADDRESS_VARIABLE} names no cluster")
    require_cluster(address)


def main(argv: list[str] | None = None) -> int:
    """Run a job on the cluster; exit codes as of `foundation.job.run_job`."""
    (config,) = sys.argv[1:] if argv is None else argv
    job: dict[str, Any] = json.loads(Path(config).read_text(encoding="utf-8"))
    work = Path(job["work"])
    # The job's paths may be relative to this folder.
    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PASSED_ON) or name in job["environment"]
    }
    try:
        ray = connect({"env_vars": passed_on})
        _require_room(ray.cluster_resources(), job)
        with launched(work, [Path(folder) for folder in job["folders"]]) as token:
            _fit(job, token)
        return 0
    except AlignmentError as error:
        (work / ERROR).write_text(str(error), encoding="utf-8")
        print(error, file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        shutil.rmtree(work / STORAGE, ignore_errors=True)


def _require_room(there: Mapping[str, float], job: Mapping[str, Any]) -> None:
    for name, each in (("CPU", job["cpus"]), ("GPU", job["gpus"])):
        needed, found = each * job["ranks"], int(there.get(name, 0))
        if needed > found:
            raise AlignmentError(
                f"launcher ray: the cluster has {found} {name}s and the job needs {needed} "
                f"({each} for each of {job['ranks']} ranks)"
            )


def _fit(job: Mapping[str, Any], token: str) -> None:
    # The extra `ray`; it takes seconds.
    from ray.exceptions import RayError
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    told = {**job, "token": token}
    scaling = ScalingConfig(
        num_workers=job["ranks"],
        use_gpu=job["gpus"] > 0,
        resources_per_worker={"CPU": job["cpus"], "GPU": job["gpus"]},
    )
    kept = RunConfig(
        name=token,
        storage_path=str(Path(job["work"], STORAGE)),
        failure_config=FailureConfig(max_failures=0),
    )
    if job["ranks"] == 1:
        # Without a process group: libraries that find one take the job to be shared.
        trainer = DataParallelTrainer(
            run_worker, train_loop_config=told, scaling_config=scaling, run_config=kept
        )
    else:
        trainer = TorchTrainer(
            run_worker,
            train_loop_config=told,
            scaling_config=scaling,
            run_config=kept,
            torch_config=TorchConfig(backend="nccl" if job["gpus"] else "gloo"),
        )
    try:
        trainer.fit()
    except (TrainingFailedError, RayError) as error:
        raise AlignmentError(describe_end(error, Path(job["work"]))) from None


def describe_end(error: Exception, work: Path) -> str:
    """The job's own where it has one, else which rank ended how."""
    if (work / ERROR).exists():
        return (work / ERROR).read_text(encoding="utf-8")
    failures = getattr(error, "worker_failures", {})
    causes = [getattr(one, "_base_exc", one) for one in failures.values()]
    for cause in causes:
        if isinstance(cause, AlignmentError):
            return str(cause)
    which = f"rank {min(failures)}" if failures else "the cluster"
    what = first_line(causes[0] if causes else error)
    return f"{which} ended: {what}; the next run goes on from the checkpoint, where there is one"


def run_worker(job: dict[str, Any]) -> None:
    """One worker's part.

    Raises:
        AlignmentError: if it does not see the job's folders.
        RuntimeError: if the job ended with another code than 0.
    """
    answer(Path(job["work"]), job["token"])
    module = importlib.import_module(job["module"])
    if job["ranks"] == 1:
        code = module.main([job["config"]])
    else:
        from ray.train import get_context  # the extra `ray`

        here = get_context()
        code = module.run_rank(job["config"], here.get_world_rank(), here.get_local_rank())
    if code != 0:
        raise RuntimeError(f"exit code {code}")


if __name__ == "__main__":
    sys.exit(main())
