"""The checkpoint that pretraining went on from, as an artifact's provenance records it."""

from dataclasses import dataclass

from pydantic import ValidationError

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.model_files import model_place
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import BASE
from alignment_dagster.study import Base

UNKNOWN_READING = "what it read before is unknown"


@dataclass(frozen=True)
class RecordedBase:
    """A checkpoint that was trained elsewhere."""

    declared: Base
    digest: str
    """Hex SHA-256 of its files."""

    @property
    def place(self) -> str:
        """Where it was read from."""
        return model_place(self.declared)


def recorded_base(artifact: Artifact) -> RecordedBase | None:
    """What a tokenizer or a checkpoint was made from outside the lake; None where it was not.

    Raises:
        ArtifactError: if its provenance says something else there.
    """
    declared = artifact.provenance.declared.get("base")
    if declared is None:
        return None
    try:
        base = Base.model_validate(declared)
        return RecordedBase(base, artifact.provenance.inputs.external_inputs[BASE])
    except (ValidationError, KeyError) as error:
        raise ArtifactError(f"{artifact.label}: its base is not recorded: {error!r}") from None
