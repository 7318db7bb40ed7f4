"""The learning rate of a stage that goes on from another recipe's training."""

from typing import Annotated, Any, Literal

from pydantic import Field

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Positive, Share
from alignment_dagster.study.training import Pretraining

Shape = Literal["cosine", "wsd", "linear", "constant"]


class StageSchedule(Declared):
    """As in the study's `pretraining`, which holds where nothing is said; of the stage's steps."""

    schedule: Shape | None = None
    """What follows the warm-up."""
    learning_rate: Positive | None = None
    """The highest."""
    warmup_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Of the stage's steps, in which the rate rises from zero again; with 0 it begins at the
    highest."""
    decay_share: Share | None = None
    """For `wsd`: the last share of the stage's steps, in which the rate falls to zero."""
    final_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    """For `cosine` and `linear`: the last learning rate as a share of the highest."""

    def applied(self, declared: Pretraining) -> Pretraining:
        """The study's pretraining with this schedule.

        Raises:
            ValueError: if the schedule is longer than the stage.
        """
        said: dict[str, Any] = self.model_dump(exclude_none=True)
        return Pretraining.model_validate({**declared.model_dump(), **said})
