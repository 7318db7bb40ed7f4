"""What a process is told that lets a local checkpoint answer requests."""

from dataclasses import dataclass

from alignment_dagster.foundation.model_files import model_digest
from alignment_dagster.foundation.placement import Determinism, DeviceName
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, Text
from alignment_dagster.study.synthesis import Transformers


class CheckpointJob(Declared):
    """Who answers, and where the requests and the answers lie."""

    source: Text
    """Whose requests they are."""
    generator: Transformers
    requests: Text
    """A file of lines, the fields of `Asked`: those that have no answer yet."""
    answers: Text
    """The store."""
    work: Text
    threads: Count = 1
    device: DeviceName = "cpu"
    determinism: Determinism = "exact"


@dataclass(frozen=True)
class Asked:
    """A request as the file has it."""

    digest: str
    messages: list[dict[str, str]]
    text: str
    seed: int
    prompt_most: int
    """Tokens that the prompt has at most."""


def checkpoint_name(generator: Transformers) -> str:
    """What requests call a local checkpoint: by its bytes, wherever it lies.

    Raises:
        DataError: if it is not there.
    """
    return f"sha256:{model_digest(generator)}"
