"""What one evaluation process is told: checkpoints, suites and held-out documents, by path."""

from typing import Annotated

from pydantic import Field

from alignment_dagster.foundation.placement import Determinism, DeviceName
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study import Canary, Count, Evaluation, Suite, Text

Shards = Annotated[tuple[Text, ...], Field(strict=False)]
"""The files of a table that lies in shards, in order."""


class EvaluationJob(Declared):
    """Score every suite and every held-out document with every checkpoint of one replicate."""

    checkpoints: Annotated[dict[str, Text], Field(min_length=1)]
    """Stage (`base`, `sft`, `dpo`, …) → folder of the model and its tokenizer."""
    suites: Annotated[tuple[Suite, ...], Field(strict=False)]
    assets: Text
    digests: dict[str, Text]
    """Suite → content digest of its items and word lists; what differs from it is refused."""
    held_out: Annotated[tuple[Shards, ...], Field(strict=False)]
    """The documents of each raw corpus whose held-out documents are scored."""
    documents: Text
    """The warehouse's `documents.parquet`, which says what is held out."""
    canaries: Annotated[tuple[Canary, ...], Field(strict=False)] = ()
    """Those with probes; without any no table of probes is written."""
    evaluation: Evaluation
    sequence_length: Count
    """Context of the models in tokens; an item that does not fit is an error."""
    output: Text
    work: Text
    device: DeviceName = "cpu"
    determinism: Determinism = "exact"
