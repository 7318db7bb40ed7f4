"""What a process that runs lm-evaluation-harness tasks is told: checkpoints and tasks."""

from typing import Annotated

from pydantic import Field

from alignment_dagster.foundation.placement import Determinism, DeviceName
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study import Count, Text
from alignment_dagster.study.measurement import Harness


class HarnessJob(Declared):
    """Run every declared task on every checkpoint of one replicate."""

    checkpoints: Annotated[dict[str, Text], Field(min_length=1)]
    """Stage (`base`, `sft`, `dpo`, …) → folder of the model and its tokenizer."""
    harness: Harness
    include_path: Text | None
    """The folder of local task files; paths inside them are relative to it."""
    sequence_length: Count
    output: Text
    work: Text
    device: DeviceName = "cpu"
    determinism: Determinism = "exact"
