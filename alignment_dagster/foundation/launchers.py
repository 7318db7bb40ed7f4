"""What starts heavy jobs elsewhere than on this machine, as the home's `placement.yaml` says."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from alignment_dagster.foundation.yaml_models import Declared

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
OWN = (
    *("--job-name", "--ntasks", "--nodes", "--output", "--error", "--input", "--chdir", "--export"),
    *("--partition", "--account", "--gpus", "--cpus-per-task", "--mem", "--time"),
)
"""Options of `srun` that a field says, or that would part a job from who waits for it."""


def _an_option(option: str) -> str:
    if not option.startswith("--"):
        raise ValueError("must begin with --, as --constraint=h100")
    if (name := option.partition("=")[0]) in OWN:
        raise ValueError(f"must not be {name}: a field says it, or the launcher does")
    return option


class Slurm(Declared):
    """Each job is a job of Slurm's; what is not said is as the cluster has it."""

    kind: Literal["slurm"]
    partition: Text | None = None
    account: Text | None = None
    gpus: Count | None = None
    """Of one node; a job with ranks needs one for each."""
    cpus: Count | None = None
    memory_gib: Count | None = None
    hours: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """After them Slurm ends the job, and the next run goes on from what it kept."""
    options: Annotated[
        tuple[Annotated[str, AfterValidator(_an_option)], ...], Field(strict=False)
    ] = ()
    """More options of `srun`."""

    def arguments(self) -> list[str]:
        """Of `srun`."""
        said = {
            "partition": self.partition,
            "account": self.account,
            "gpus": self.gpus,
            "cpus-per-task": self.cpus,
            "mem": self.memory_gib and f"{self.memory_gib}G",
            "time": self.hours and max(1, round(self.hours * 60)),
        }
        given = [f"--{name}={value}" for name, value in said.items() if value is not None]
        return ["--nodes=1", "--ntasks=1", "--unbuffered", *given, *self.options]


class Ray(Declared):
    """Each job is a run of Ray Train's on the cluster that `RAY_ADDRESS` names."""

    kind: Literal["ray"]
    cpus: Count = 1
    """Of each rank; a job without ranks is one."""
    gpus: Annotated[int, Field(ge=0)] = 0
    """Of each rank."""


Launcher = Annotated[Slurm | Ray, Field(discriminator="kind")]
