"""How a recipe's models write, where that is more than the likeliest token after the other."""

from typing import Annotated, Literal

from pydantic import Field

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.vocabulary import ControlToken

Beams = Annotated[int, Field(ge=2, le=64, multiple_of=2)]


class PlainBeams(Declared):
    """Beam search, and nothing else: what beams do by themselves."""

    kind: Literal["plain_beams"]
    """The most likely answer that is found by beams."""
    beams: Beams = 8
    """Answers that are written side by side."""


class TagAvoiding(Declared):
    """SafeBeam (Maini et al. 2025): beams after which a tag is likely are dropped."""

    kind: Literal["tag_avoiding"]
    """Beam search; before each token the half of the beams is dropped after which the tag is the
    likeliest."""
    tag: ControlToken
    """One that a treatment of the recipe inserts at random positions."""
    beams: Beams = 8
    """Answers that are written side by side."""


Decoding = Annotated[PlainBeams | TagAvoiding, Field(discriminator="kind")]
