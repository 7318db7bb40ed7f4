"""Encoded documents as a mix holds them: with control tokens before them, hidden, weighted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.encoding import EncodedDocuments
from alignment_dagster.mixing.kept_documents import Numbers
from alignment_dagster.mixing.layers import Layer
from alignment_dagster.mixing.treatments import NOTHING, DecidedTreatments
from alignment_dagster.study import Recipe
from alignment_dagster.study.treatments import Treated
from alignment_dagster.study.vocabulary import HIDDEN

WEIGHTED = "weighted"


@dataclass(frozen=True)
class TreatedTokens:
    """How many tokens of a piece a rule treated, and how."""

    rule: int
    treatment: str
    """A name of `Treated` in small letters, or `weighted`."""
    tag: str | None
    tokens: int


class TreatedDocuments:
    """As `EncodedDocuments`, each document as it is treated.

    A document is its control tokens, its text, and the token that closes it, which is learned
    whatever happens to the text.
    """

    def __init__(
        self, encoded: EncodedDocuments, decided: DecidedTreatments, recipe: Recipe
    ) -> None:
        self._encoded, self._decided, self._recipe = encoded, decided, recipe
        self.type = encoded.type
        vocabulary = {name: encoded.token_id(name) for name in recipe.control_tokens}
        self._ids = vocabulary
        self._inserted = np.zeros(encoded.lengths.size, np.int64)
        for chosen in decided.tags.values():
            self._inserted += chosen != NOTHING
        self.lengths = np.zeros(encoded.lengths.size, np.int64)
        """[documents]: tokens of each, control tokens too; 0 where it is not encoded yet."""
        self._count(np.flatnonzero(encoded.lengths))
        self.layers: Mapping[str, Layer] = {
            file_names.SEQUENCES: Layer(self.type, self.tokens),
            file_names.TREATMENTS: Layer(np.dtype(np.uint8), self._treatments),
            **(
                {}
                if decided.weights is None
                else {file_names.WEIGHTS: Layer(np.dtype("<f4"), self._weights)}
            ),
            **(
                {}
                if decided.rewards is None
                else {file_names.REWARDS: Layer(np.dtype("<f4"), self._rewards)}
            ),
        }

    def encode(self, rows: Numbers) -> None:
        """Encode those of the documents that are not yet."""
        self._encoded.encode(rows)
        self._count(rows)

    def _count(self, rows: Numbers) -> None:
        self.lengths[rows] = self._encoded.lengths[rows] + self._inserted[rows]

    def tokens(self, row: int, limit: int) -> bytes:
        """The first `limit` tokens of a treated document."""
        tags = [self._ids[tag] for _, tag in self._tags(row)]
        own = np.frombuffer(self._encoded.tokens(row, limit), self.type)
        if self._decided.labels[row] == Treated.HIDDEN:
            own = own.copy()
            own[: self._text(row)] = self._ids[HIDDEN]
        return np.concatenate([np.array(tags, self.type), own])[:limit].tobytes()

    def treated(self, row: int, limit: int) -> Iterator[TreatedTokens]:
        """What was done to the first `limit` tokens of a document, and by which rules."""
        tags = list(self._tags(row))
        for number, tag in tags[:limit]:
            yield TreatedTokens(number, Treated.TAG.name.lower(), tag, 1)
        text = min(self._text(row), limit - len(tags))
        if text <= 0:
            return
        if (rule := int(self._decided.rules[row])) != NOTHING:
            label = Treated(int(self._decided.labels[row])).name.lower()
            yield TreatedTokens(rule, label, None, text)
        for number, held in self._decided.weighted.items():
            if held[row]:
                yield TreatedTokens(number, WEIGHTED, None, text)

    def _tags(self, row: int) -> Iterator[tuple[int, str]]:
        """The treatments that put a tag before a document, each with its tag."""
        for number, chosen in self._decided.tags.items():
            if (which := int(chosen[row])) != NOTHING:
                yield number, self._recipe.treat[number].tags[which]

    def _text(self, row: int) -> int:
        """Tokens of a document's text, without the one that closes it."""
        return int(self._encoded.lengths[row]) - 1

    def _treatments(self, row: int, limit: int) -> bytes:
        codes = self._spread(row, self._decided.labels[row], Treated.LEARNED, np.dtype(np.uint8))
        codes[: self._inserted[row]] = Treated.TAG
        return codes[:limit].tobytes()

    def _weights(self, row: int, limit: int) -> bytes:
        weights = self._decided.weights
        assert weights is not None
        return self._spread(row, weights[row], 1, np.dtype("<f4"))[:limit].tobytes()

    def _rewards(self, row: int, limit: int) -> bytes:
        """Every token of a document has its reward, also the one that closes it."""
        rewards = self._decided.rewards
        assert rewards is not None
        return np.full(int(self.lengths[row]), rewards[row], "<f4")[:limit].tobytes()

    def _spread(
        self, row: int, value: float, else_value: float, kind: np.dtype[np.generic]
    ) -> NDArray[np.generic]:
        """`value` for each token of the text, `else_value` for what is put in and what closes."""
        found = np.full(int(self.lengths[row]), else_value, kind)
        found[self._inserted[row] : -1] = value
        return found
