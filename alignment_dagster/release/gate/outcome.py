"""What the gate comes to: `gate.json`."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, ValidationError

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.text import count

MAX_NAMED = 3
"""Numbers that a sentence names; the table has all."""
Lines = Annotated[tuple[str, ...], Field(strict=False)]


class Outcome(Declared):
    """What `gate.json` says."""

    report: str
    reference: str | None
    """The approved report that it was compared with."""
    approval: str | None
    """SHA-256 of the signed review by which this very report is approved."""
    suites: Lines
    stage: str
    margin: float
    compared: int
    """Numbers: one for each recipe, suite and system prompt."""
    flipped: int
    """Answers that changed."""
    worse: Lines
    """The numbers that are worse by more than the margin, beyond chance."""
    undecided: Lines
    """Those that may be, and may not."""
    not_compared: Lines
    largest: str
    """The number that rose most, or fell least."""

    @property
    def blocks(self) -> bool:
        """Whether anything is worse, or nothing could be compared; whatever a person decided."""
        return bool(self.worse) or (self.reference is not None and not self.compared)

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        if self.reference is None:
            return f"No other report is approved: {self.report} was compared with nothing."
        left = " The comparison is partial." if self.not_compared else ""
        against = f"against {self.reference}, {count(self.flipped, 'answer')} flipped.{left}"
        if not self.compared:
            return f"There is nothing that both reports measured: {self.report} {against}"
        if self.worse:
            return f"Worse by more than {self.margin:g}: {_join_some(self.worse)}; {against}"
        unsure = f"; undecided: {_join_some(self.undecided)}" if self.undecided else ""
        return (
            f"None of {count(self.compared, 'rate')} is worse by more than {self.margin:g} beyond "
            f"chance (largest change: {self.largest}){unsure}; {against}"
        )


def read_outcome(gate: Artifact) -> Outcome:
    """What a gate came to.

    Raises:
        ArtifactError: if its file is missing or damaged.
    """
    try:
        return Outcome.model_validate_json((gate.path / file_names.GATE).read_bytes())
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{gate.label}: {file_names.GATE} cannot be read ({error})") from None


def _join_some(lines: Sequence[str]) -> str:
    more = f"; and {len(lines) - MAX_NAMED} more" if len(lines) > MAX_NAMED else ""
    return "; ".join(lines[:MAX_NAMED]) + more
