"""Encoded documents as a mix holds them: with control tokens put in, hidden, weighted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.encoding import EncodedDocuments
from alignment_dagster.mixing.kept_documents import Numbers
from alignment_dagster.mixing.layers import Layer
from alignment_dagster.mixing.treatments import NOTHING, DecidedTreatments
from alignment_dagster.study import Recipe
from alignment_dagster.study.treatments import LABELS, Treated
from alignment_dagster.study.vocabulary import HIDDEN

WEIGHTED = "weighted"
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class TreatedTokens:
    """The tokens of a document that one rule treated in one way."""

    rule: str
    treatment: str
    """A name of `Treated` in small letters, or `weighted`."""
    tag: str | None
    tokens: Flags
    """Which they are [tokens]."""


@dataclass(frozen=True)
class Layout:
    """A treated document, token by token [tokens]."""

    ids: NDArray[Any]
    treatments: NDArray[np.uint8]
    weights: NDArray[np.float32]
    rewards: NDArray[np.float32]
    treated: tuple[TreatedTokens, ...]


class TreatedDocuments:
    """As `EncodedDocuments`, each document as it is treated.

    A document is its text with control tokens in it, and the token that closes it, which is learned
    whatever happens to the text.
    """

    def __init__(
        self, encoded: EncodedDocuments, decided: DecidedTreatments, recipe: Recipe
    ) -> None:
        self._encoded, self._decided = encoded, decided
        self._ids = {name: encoded.token_id(name) for name in recipe.control_tokens}
        self._sizes = encoded.token_bytes()
        self._inserted = sum(
            (one.count_tags(encoded.lengths.size) for one in decided.decisions),
            start=np.zeros(encoded.lengths.size, np.int64),
        )
        self.lengths = np.zeros(encoded.lengths.size, np.int64)
        """[documents]: tokens of each, control tokens too; 0 where it is not encoded yet."""
        self._count(np.flatnonzero(encoded.lengths))
        self._last: tuple[int, float, Layout] | None = None
        layers = {
            file_names.SEQUENCES: Layer(encoded.type, lambda *at: self._layout(*at).ids),
            file_names.TREATMENTS: Layer(
                np.dtype(np.uint8), lambda *at: self._layout(*at).treatments
            ),
        }
        if decided.weighs:
            layers[file_names.WEIGHTS] = Layer(
                np.dtype("<f4"), lambda *at: self._layout(*at).weights
            )
        if decided.rewards is not None:
            layers[file_names.REWARDS] = Layer(
                np.dtype("<f4"), lambda *at: self._layout(*at).rewards
            )
        self.layers: Mapping[str, Layer] = layers

    def encode(self, rows: Numbers) -> None:
        """Encode those of the documents that are not yet."""
        self._encoded.encode(rows)
        self._count(rows)

    def treated(self, row: int, phase: float) -> tuple[TreatedTokens, ...]:
        """What is done to a document in a phase, and by which rules."""
        return self._layout(row, phase).treated

    def _count(self, rows: Numbers) -> None:
        self.lengths[rows] = self._encoded.lengths[rows] + self._inserted[rows]

    def _layout(self, row: int, phase: float) -> Layout:
        """Of the document asked last it is known: layers are read side by side."""
        if self._last is None or self._last[:2] != (row, phase):
            self._last = row, phase, self._lay_out(row, phase)
        return self._last[2]

    def _lay_out(self, row: int, phase: float) -> Layout:
        own = self._encoded.read(row)
        text = own.size - 1
        ends = np.cumsum(self._sizes[own[:text]])
        starts = ends - self._sizes[own[:text]]
        codes = np.full(own.size, Treated.LEARNED, np.uint8)
        weights = np.ones(own.size, "<f4")
        rewards = np.zeros(own.size, "<f4")
        if self._decided.rewards is not None:
            closed = np.append(ends, ends[-1] + 1 if text else 1)
            rewards = self._decided.rewards.spread(row, closed)
        treated: list[tuple[str, str, Flags]] = []
        tags: list[tuple[int, str, str]] = []
        for decision in self._decided.decisions:
            one = decision.treatment
            if not one.acts(phase):
                continue
            touched = np.zeros(own.size, bool)
            for part in decision.parts(row):
                first = int(np.searchsorted(ends, part.begin, side="right"))
                last = text if part.end is None else int(np.searchsorted(starts, part.end))
                if part.tag != NOTHING:
                    tags.append((first, one.rule, one.tags[part.tag]))
                touched[first:last] |= part.held
            if one.do in LABELS:
                touched &= codes == Treated.LEARNED
                codes[touched] = LABELS[one.do]
                treated.append((one.rule, LABELS[one.do].name.lower(), touched))
            elif one.weight is not None:
                weights[touched] *= np.float32(one.weight)
                treated.append((one.rule, WEIGHTED, touched))
        ids = own.copy()
        if HIDDEN in self._ids:
            ids[codes == Treated.HIDDEN] = self._ids[HIDDEN]
        return self._put_in(tags, Layout(ids, codes, weights, rewards, ()), treated)

    def _put_in(
        self,
        tags: list[tuple[int, str, str]],
        layout: Layout,
        treated: list[tuple[str, str, Flags]],
    ) -> Layout:
        """Put tags before the tokens that they are for, in the order of the treatments."""
        tags = sorted(tags, key=lambda one: one[0])
        at = [place for place, _, _ in tags]
        put_in = np.zeros(layout.ids.size + len(at), bool)
        put_in[np.array(at, np.int64) + np.arange(len(at))] = True
        found = [
            TreatedTokens(rule, treatment, None, np.insert(flags, at, values=False))
            for rule, treatment, flags in treated
            if flags.any()
        ]
        places = np.flatnonzero(put_in)
        names = dict.fromkeys((rule, tag) for _, rule, tag in tags)
        for name in names:
            own = np.zeros(put_in.size, bool)
            own[[place for place, one in zip(places, tags, strict=True) if one[1:] == name]] = True
            found.append(TreatedTokens(name[0], Treated.TAG.name.lower(), name[1], own))
        return Layout(
            np.insert(layout.ids, at, [self._ids[tag] for _, _, tag in tags]),
            np.insert(layout.treatments, at, Treated.TAG),
            np.insert(layout.weights, at, 1),
            np.insert(layout.rewards, at, layout.rewards[at]),
            tuple(found),
        )
