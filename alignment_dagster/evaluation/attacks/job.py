"""What one attacking process is told: checkpoints, suites and the budget."""

from typing import Annotated

from pydantic import Field

from alignment_dagster.foundation.placement import Determinism, DeviceName
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study import Attacks, Count, Stage, Suite, Text


class AttackJob(Declared):
    """Attack every chosen item of every suite at every stage of one replicate."""

    checkpoints: Annotated[dict[Stage, Text], Field(min_length=1)]
    """Stage → folder of the model and its tokenizer."""
    suites: Annotated[tuple[Suite, ...], Field(strict=False, min_length=1)]
    """What is attacked."""
    demonstrations: Suite | None
    """Where a suite without options takes its demonstrations from."""
    assets: Text
    digests: dict[str, Text]
    """Suite → content digest of its items and word lists; what differs from it is refused."""
    attacks: Attacks
    batch_tokens: Count
    sequence_length: Count
    """Context of the models in tokens; an attack that does not fit is reported, never cut."""
    output: Text
    work: Text
    device: DeviceName = "cpu"
    determinism: Determinism = "exact"


def read_suites(suites: tuple[Suite, ...], demonstrations: Suite | None) -> tuple[Suite, ...]:
    """The suites whose items a job reads, each once."""
    lent = () if demonstrations is None or demonstrations in suites else (demonstrations,)
    return (*suites, *lent)
