"""What is asked of a document's scores: comparisons, and what is made of them by and, or, not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import ScorerName, Text

METADATA = "metadata"
"""Stands for a scorer where a column is one that the source brought along."""
MOST_CLAUSES = 64
"""Ways in which a condition may be met."""
Operator = Literal["above", "below", "one_of"]


@dataclass(frozen=True)
class Comparison:
    """A score against a bound; `negated`: it must be there, and the comparison fail."""

    scorer: str
    column: str
    operator: Operator
    bound: float | None
    texts: tuple[str, ...]
    negated: bool = False

    def holds(self, score: "Score") -> bool:
        """Whether it holds of a document's score, as the warehouse decides it."""
        if score is None:
            return False
        if self.operator == "one_of":
            return isinstance(score, str) and (score in self.texts) != self.negated
        if isinstance(score, str) or self.bound is None:
            return False
        beyond = score > self.bound if self.operator == "above" else score < self.bound
        return beyond != self.negated


Score = float | str | None
Clause = tuple[Comparison, ...]
"""Comparisons that all must hold."""


class Condition(Declared):
    """A comparison of a score, or conditions of which any, all or none must hold.

    A comparison of a score that a document does not have holds neither way.
    """

    scorer: ScorerName | None = None
    """One of the study's, or `metadata` for what the source brought along."""
    column: Text | None = None
    """One of the scorer's columns, or of those that a source keeps as metadata."""
    above: float | None = None
    """Holds of what is strictly above."""
    below: float | None = None
    """Holds of what is strictly below."""
    one_of: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = None
    """Holds of a text that is one of these."""
    any: Annotated[tuple["Condition", ...], Field(strict=False, min_length=1)] | None = None
    """Holds where one of these does."""
    all: Annotated[tuple["Condition", ...], Field(strict=False, min_length=1)] | None = None
    """Holds where each of these does."""
    none: Annotated[tuple["Condition", ...], Field(strict=False, min_length=1)] | None = None
    """Holds where none of these does."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Condition":
        joined = [name for name in ("any", "all", "none") if getattr(self, name) is not None]
        given = [name for name in ("above", "below", "one_of") if getattr(self, name) is not None]
        named = [name for name in ("scorer", "column") if getattr(self, name) is not None]
        if len(joined) > 1 or (joined and (given or named)):
            raise ValueError("give either a comparison, or one of `any`, `all` and `none`")
        if not joined and (len(named) < 2 or len(given) != 1):
            raise ValueError(
                "a comparison has `scorer`, `column`, and exactly one of `above`, `below` and "
                "`one_of`"
            )
        if joined and len(self.clauses()) > MOST_CLAUSES:
            raise ValueError(f"can be met in more than {MOST_CLAUSES} ways: declare several rules")
        return self

    def clauses(self, *, negated: bool = False) -> tuple[Clause, ...]:
        """The disjunctive normal form: it holds where all comparisons of one clause do."""
        if self.scorer is not None and self.column is not None:
            operator: Operator = "one_of"
            if self.above is not None or self.below is not None:
                operator = "above" if self.above is not None else "below"
            bound = self.above if self.above is not None else self.below
            texts = self.one_of or ()
            return ((Comparison(self.scorer, self.column, operator, bound, texts, negated),),)
        parts = self.any or self.all or self.none or ()
        inner = negated != (self.none is not None)
        below = [part.clauses(negated=inner) for part in parts]
        # De Morgan: what fails to be all is any of the opposites, and none is all of the opposites
        return _union(below) if (self.any is not None) != negated else _product(below)

    def met(self, scores: Mapping[str, Score]) -> Clause | None:
        """The first clause that holds of a document; None where none does.

        Args:
            scores: `scorer.column` → what the document has.
        """
        for clause in self.clauses():
            if all(one.holds(scores.get(f"{one.scorer}.{one.column}")) for one in clause):
                return clause
        return None

    def comparisons(self) -> tuple[Comparison, ...]:
        """Each comparison once, without what is made of it."""
        found = (one for clause in self.clauses() for one in clause)
        plain = (
            Comparison(one.scorer, one.column, one.operator, one.bound, one.texts) for one in found
        )
        return tuple(dict.fromkeys(plain))


def _union(parts: Iterable[tuple[Clause, ...]]) -> tuple[Clause, ...]:
    return tuple(clause for clauses in parts for clause in clauses)


def _product(parts: Iterable[tuple[Clause, ...]]) -> tuple[Clause, ...]:
    chosen = product(*parts)
    return tuple(
        tuple(dict.fromkeys(one for clause in clauses for one in clause))
        for _, clauses in zip(range(MOST_CLAUSES + 1), chosen, strict=False)
    )
