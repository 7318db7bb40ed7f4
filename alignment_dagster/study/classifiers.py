"""Classifiers that are trained on labelled sources, and whose scores recipes decide by."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.foundation.model_files import require_one_place
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import (
    Count,
    DeclaredPath,
    Name,
    Names,
    Revision,
    Seed,
    Share,
    Text,
)
from alignment_dagster.study.reserved_names import ClassifierName
from alignment_dagster.study.synthesis import OpenAICompatible

Ngrams = Literal["words", "characters"]
Level = Annotated[int, Field(ge=0, le=9)]
SCORER = "classifier:"
"""Before its name, what recipes call a classifier's scores by."""


class Binary(Declared):
    """Whether a text is of one kind or not."""

    kind: Literal["binary"]
    """One column, `score`: the probability of `positive`, from 0 to 1."""
    positive: Name
    """The label of a text that is of this kind."""
    negative: Name
    """The label of one that is not."""

    @property
    def labels(self) -> tuple[str, ...]:
        return (self.negative, self.positive)


class Ordinal(Declared):
    """How much of something a text has, in levels from 0."""

    kind: Literal["ordinal"]
    """One column, `score`: the expected level, from 0 to `highest`."""
    highest: Annotated[int, Field(ge=1, le=9)]
    """The last level; labels are the levels."""

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(str(level) for level in range(self.highest + 1))


class Multiclass(Declared):
    """Which of several kinds a text is of."""

    kind: Literal["multiclass"]
    """One column for each class, of its name: its probability, from 0 to 1."""
    names: Annotated[tuple[Name, ...], Field(strict=False, min_length=3)]
    """The classes."""

    @property
    def labels(self) -> tuple[str, ...]:
        return self.names


class LabelledSource(Declared):
    """A source whose documents have one label, or each its own."""

    source: Name
    """One of the study's sources, of any role."""
    label: Name | Level | None = None
    """Of all its documents: `positive`'s or `negative`'s name, a level, or a class."""
    column: Text | None = None
    """A column that the source brings along, with the label of each document; a document with
    nothing there, or something else, is not learnt from."""

    @model_validator(mode="after")
    def _one_way(self) -> "LabelledSource":
        if (self.label is None) == (self.column is None):
            raise ValueError("give exactly one of `label` and `column`")
        return self


class LinearModel(Declared):
    """Logistic regression on hashed n-grams (scikit-learn): fast to train, faster to ask."""

    kind: Literal["linear"]
    """Counts of n-grams."""
    ngrams: Ngrams = "words"
    """Words and pairs of words; `characters` for scripts without spaces."""


class SequenceClassifier(Declared):
    """Logistic regression on what a transformers sequence classifier says of a text.

    The model's own labels need not be the declared ones: what each is worth is learnt.
    """

    kind: Literal["transformers"]
    """A model of Hugging Face's `transformers`, as safetensors; no code of its own is run."""
    path: DeclaredPath | None = None
    """A folder of the data folder that holds the model."""
    hub: Text | None = None
    """Its name on the Hugging Face hub, instead of `path`."""
    revision: Revision | None = None
    """For `hub`: the commit."""
    tokens: Count = 512
    """Of a text are read; what follows is not."""

    @model_validator(mode="after")
    def _one_place(self) -> "SequenceClassifier":
        require_one_place(self)
        return self


class LanguageModel(Declared):
    """Logistic regression on a language model's one word about a text: a judge, whose verdicts
    count for what they are worth on labelled documents."""

    kind: Literal["language_model"]
    """Asked over HTTP, at temperature 0; each text once in a home."""
    question: Text
    """What is asked of a text, which follows between two marked lines."""
    answers: Annotated[tuple[Name, ...], Field(strict=False, min_length=2)]
    """The words that it may reply, in small letters; another reply is no verdict."""
    generator: OpenAICompatible
    """Where it is asked; other than who writes the documents, if it judges written ones."""


class Beside(Declared):
    """A rule on a scorer's column that the classifier is measured beside."""

    scorer: Name
    """One of the study's."""
    column: Name
    """One of its columns."""
    above: float
    """What is strictly above is flagged."""


class Classifier(Declared):
    """A file in `assets/classifiers/`: what a text is, learnt from labelled sources."""

    name: ClassifierName
    """The file's name without its ending."""
    description: Text
    """What it tells, and from what."""
    tells: Annotated[Binary | Ordinal | Multiclass, Field(discriminator="kind")]
    """What a text is."""
    sources: Annotated[tuple[LabelledSource, ...], Field(strict=False, min_length=1)]
    """What it learns from."""
    held_out_share: Share = 0.2
    """Of the labelled documents: it does not learn from them, and is measured on them."""
    seed: Seed = 0
    """Of the split."""
    most_per_label: Count = 20_000
    """Of more documents with a label a sample is taken."""
    unit: Literal["document", "sentence"] = "document"
    """`sentence`: a document's score is that of its highest sentence, and it is said which."""
    model: Annotated[
        LinearModel | SequenceClassifier | LanguageModel, Field(discriminator="kind")
    ] = LinearModel(kind="linear")
    """What learns."""
    beside: Beside | None = None
    """Something simpler that the same documents are held against."""

    @property
    def scorer(self) -> str:
        """What recipes call its scores by."""
        return f"{SCORER}{self.name}"

    @property
    def source_names(self) -> Names:
        """Its labelled sources."""
        return tuple(one.source for one in self.sources)

    @property
    def columns(self) -> tuple[str, ...]:
        """Its probabilities, or its expected level."""
        return self.tells.names if isinstance(self.tells, Multiclass) else ("score",)

    @model_validator(mode="after")
    def _labels_fit(self) -> "Classifier":
        labels = self.tells.labels
        for what, names in (("label", labels), ("source", self.source_names)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"a {what} is named twice: {', '.join(twice)}")
        for one in self.sources:
            if one.label is not None and str(one.label) not in labels:
                known = ", ".join(labels)
                raise ValueError(f"sources: {one.source}: label {one.label!r} is none of {known}")
        missing = sorted(set(labels) - {str(one.label) for one in self.sources})
        if missing and not any(one.column for one in self.sources):
            raise ValueError(f"sources: none has the label {', '.join(missing)}")
        if self.beside is not None and not isinstance(self.tells, Binary):
            raise ValueError("beside: a rule is held against classifiers of the kind `binary`")
        if self.unit == "sentence" and isinstance(self.tells, Multiclass):
            raise ValueError("unit: sentences are scored where there is one score, not by class")
        return self

    @property
    def settings(self) -> dict[str, object]:
        """All that decides what it learns: it as declared, without what is only said of it."""
        return self.model_dump(mode="json", exclude={"description"})
