"""Canaries: documents of known content that are planted in a source, to audit what follows."""

from typing import Annotated

from pydantic import Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import DeclaredPath, Name, Text

MOST_TEXTS = 1_000
"""Of a canary, and alternatives of a probe; texts are in memory while their source is read."""


class Probe(Declared):
    """Whether a model learnt a canary: the completion is ranked among its alternatives.

    Prompt and completion, with a space between them, stand in one of the canary's texts. The
    alternatives should be drawn as the completion was: then the rank of what was not learnt is
    chance.
    """

    prompt: Text
    """What the model reads."""
    completion: Text
    """How the planted text goes on."""
    alternatives: Annotated[
        tuple[Text, ...], Field(strict=False, min_length=2, max_length=MOST_TEXTS)
    ]
    """How it could go on as well."""

    @property
    def candidates(self) -> tuple[str, ...]:
        """The completion, then its alternatives."""
        return (self.completion, *self.alternatives)


class Canary(Declared):
    """Documents that are planted in a source; what becomes of them is known beforehand.

    All its texts are planted. A source's document is followed by one with the probability
    `share`, by the hash of its id; those that are left at the end stand behind the last one.
    """

    name: Name
    """Of the canary: tables and pages say it."""
    description: Text
    """What it is to show, in a sentence."""
    source: Name
    """Where it is planted: a source of the role `corpus`."""
    texts: Annotated[tuple[Text, ...], Field(strict=False, max_length=MOST_TEXTS)] = ()
    """Its documents; or `file`."""
    file: DeclaredPath | None = None
    """JSON Lines below `assets/canaries` with a `text` each; or `texts`."""
    share: Annotated[float, Field(gt=0, le=0.05)] = 0.01
    """How densely they stand among the source's documents."""
    caught_by: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Rules that are to drop each of its documents: the report says where one is kept."""
    probes: Annotated[tuple[Probe, ...], Field(strict=False)] = ()
    """How it is asked whether a model learnt it."""

    @model_validator(mode="after")
    def _texts_or_file(self) -> "Canary":
        if bool(self.texts) == (self.file is not None):
            raise ValueError("either `texts` or `file` says what its documents are")
        return self
