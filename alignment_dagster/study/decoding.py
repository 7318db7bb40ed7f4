"""How a recipe's models write, where that is more than the likeliest token after the other."""

from typing import Annotated, Literal

from pydantic import Field

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.vocabulary import ControlToken


class TagAvoiding(Declared):
    """SafeBeam (Maini et al. 2025): beams after which a tag is likely are dropped."""

    kind: Literal["tag_avoiding"]
    """Beam search; before each token the half of the beams is dropped after which the tag is the
    likeliest."""
    tag: ControlToken
    """One that a treatment of the recipe inserts at random positions."""
    beams: Annotated[int, Field(ge=2, le=64, multiple_of=2)] = 8
    """Answers that are written side by side."""
