"""What a training does at a step whose loss or gradient is no number, or jumps."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, Positive

Reaction = Literal["stop", "skip"]


class Guard(Declared):
    """Steps that are not taken: their sequences are read, and weights and optimizer stay."""

    not_finite: Reaction = "stop"
    """Where the loss or the norm of the gradient is no number: `stop` ends training with a message
    and without a model, `skip` leaves the step out and records it."""
    spike: Reaction | None = None
    """Where one of them lies far above the steps before; nothing happens where nothing is said."""
    deviations: Positive = 6.0
    """How far: standard deviations above the mean of the window."""
    window: Annotated[int, Field(ge=4)] = 128
    """Steps before, without those that were skipped; looked at once half of them are there."""
    most_skipped: Count = 10
    """Steps of one training; where one more would be skipped, it stops."""

    @model_validator(mode="after")
    def _says_nothing_in_vain(self) -> "Guard":
        for name, needed, there in (
            ("deviations", "`spike`", self.spike is not None),
            ("window", "`spike`", self.spike is not None),
            ("most_skipped", "a `skip`", self.skips),
        ):
            if not there and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"`{name}` needs {needed}: without it nothing is done with it")
        return self

    @property
    def skips(self) -> bool:
        """Whether any step may be left out."""
        return "skip" in (self.not_finite, self.spike)
