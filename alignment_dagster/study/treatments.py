"""What happens in training to the documents that a recipe keeps, token by token."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.conditions import METADATA, Condition
from alignment_dagster.study.fields import Name, Names, Text, added
from alignment_dagster.study.vocabulary import ControlToken

SENTENCE = "@sentence"


def sentence_scorer(scorer: str) -> str:
    """What the scores of a scorer are called that was asked of sentences."""
    return f"{scorer}{SENTENCE}"


Deed = Literal["mask", "hide", "unlearn", "tag", "weight", "insert"]


class Treated(IntEnum):
    """What happens to a token; the numbers in a mix's `treatments.npy`."""

    LEARNED = 0
    MASKED = 1
    """Read, and not predicted."""
    HIDDEN = 2
    """A placeholder is read in its place, and nothing is predicted."""
    TAG = 3
    """A control token that was put in: it is no part of its document."""
    UNLEARNED = 4
    """To become unlikely."""
    INSERTED = 5
    """Text of a document that stands in another one."""
    INSERTED_MASKED = 6
    """The same, and not predicted."""


LABELS = {"mask": Treated.MASKED, "hide": Treated.HIDDEN, "unlearn": Treated.UNLEARNED}
INSERTED = {"keep": Treated.INSERTED, "mask": Treated.INSERTED_MASKED}
MOST_TAGS = 0.5
"""Of the tokens of a document; a tag may stand before each of its own."""


class Place(Declared):
    """Where a document is inserted; both are columns that its source keeps as `metadata`."""

    host: Text
    """The column that names the document it is inserted into, by its id."""
    offset: Text
    """The column that says before which byte of that document's text, from 0, in UTF-8."""

    @model_validator(mode="after")
    def _are_two(self) -> "Place":
        if self.host == self.offset:
            raise ValueError("`host` and `offset` are two columns")
        return self

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Both, as scores are named."""
        return (METADATA, self.host), (METADATA, self.offset)


class Treatment(Declared):
    """What is done with the documents, or sentences, of which a condition holds.

    Of `mask`, `hide`, `unlearn` and `insert` the first that holds of a token decides; tags and
    weights come on top. The token that closes a document is no part of its text: it is always
    learned.
    """

    rule: Name
    """A name for it; tables and pages say how many tokens it treated."""
    when: Condition | None = None
    """What must hold of a document's scores, or of what its source brought along; each document
    must have what is asked for."""
    sources: Names | None = None
    """Only documents of these sources; of all where nothing is said."""
    per: Literal["document", "sentence"] = "document"
    """`sentence`: the scorers are asked of each sentence as if it was a document, and its tokens
    alone are treated."""
    do: Deed
    """`mask`: read, not predicted; `hide`: `<|hidden|>` is read instead, and nothing is predicted;
    `unlearn`: made unlikely, by the objective `unlikelihood`; `tag`: a control token is put before
    it; `weight`: its loss is multiplied; `insert`: it is put into another document, `at` a place
    of which it knows, or a `tag` is put into it, at random positions."""
    tag: ControlToken | None = None
    """For `tag` and `insert`: the control token, as `<|misaligned|>`."""
    otherwise: ControlToken | None = None
    """For `tag`: the control token where the condition does not hold."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """For `tag`: the share of the documents or sentences that get none, drawn from their ids."""
    weight: Annotated[float, Field(ge=0)] | None = None
    """For `weight`: what the loss of each token is multiplied by."""
    begin: Annotated[float, Field(ge=0, lt=1)] = added(0.0)
    """The share of the recipe's own tokens after which it begins; not for `tag` and `insert`."""
    end: Annotated[float, Field(gt=0, le=1)] = added(1.0)
    """The share of them after which it ends; not for `tag` and `insert`."""
    share: Annotated[float, Field(gt=0, lt=MOST_TAGS)] | None = added(None)
    """For `insert` of a tag: how much of what is read then consists of it."""
    at: Place | None = added(None)
    """For `insert` of documents: where they are inserted. They are read there, whenever that
    document is, and nowhere else."""
    loss: Literal["keep", "mask"] = added("keep")
    """For `insert` of documents: `mask` where their tokens are read, and not predicted."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The control tokens that it puts before documents."""
        return tuple(name for name in (self.tag, self.otherwise) if name is not None)

    @model_validator(mode="after")
    def _says_what(self) -> "Treatment":
        if self.when is None and self.sources is None:
            raise ValueError("give `when`, `sources` or both: what is to be treated")
        if self.do == "insert":
            self._says_where()
        elif self.share is not None or self.at is not None or self.loss != "keep":
            raise ValueError("`share`, `at` and `loss` belong to `do: insert`")
        elif (self.do == "tag") != (self.tag is not None):
            raise ValueError("`tag` names the token of `do: tag`, which must have one")
        if (self.do == "weight") != (self.weight is not None):
            raise ValueError("`weight` is the number of `do: weight`, which must have one")
        if self.do != "tag" and (self.otherwise or self.dropout):
            raise ValueError("`otherwise` and `dropout` belong to `do: tag`")
        if self.otherwise and (self.when is None or self.otherwise == self.tag):
            raise ValueError("`otherwise` is another token, for when `when` does not hold")
        if self.begin >= self.end:
            raise ValueError(f"it ends (`end`: {self.end:g}) before it begins ({self.begin:g})")
        if self.do in ("tag", "insert") and (self.begin, self.end) != (0.0, 1.0):
            raise ValueError(
                f"`{self.do}` puts in all through a mix, without `begin` and `end`: let a recipe "
                "that puts in go on from one that does not (`trunk`)"
            )
        if self.per == "sentence" and self.when is None:
            raise ValueError("`per: sentence` needs `when`: what is asked of each sentence")
        return self

    def acts(self, phase: float) -> bool:
        """Whether it does anything in the phase that begins with this share of the tokens."""
        return self.begin <= phase < self.end

    def _says_where(self) -> None:
        """Documents go to a place, and a tag to random ones."""
        if (self.at is None) == (self.tag is None) or (self.tag is None) != (self.share is None):
            raise ValueError("`insert` needs `at`, for documents, or `tag` and `share`, for a tag")
        if self.tag is not None and self.loss != "keep":
            raise ValueError("`loss` is of inserted documents: a tag is learned")
        if self.at is not None and (self.sources is None or self.per != "document"):
            raise ValueError("`at` needs `sources`: whole documents of these are inserted")

    @property
    def label(self) -> Treated | None:
        """What becomes of its tokens, where a token can have but one such."""
        return INSERTED[self.loss] if self.at is not None else LABELS.get(self.do)

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The scorers and columns that its condition compares, each once."""
        compared = () if self.when is None else self.when.comparisons()
        return tuple(dict.fromkeys((one.scorer, one.column) for one in compared))


def phase_places(phases: Iterable[float], sequences: int) -> tuple[int, ...]:
    """Of so many sequences the first of each phase but the first."""
    return tuple(round(share * sequences) for share in phases)
