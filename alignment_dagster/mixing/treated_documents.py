"""Encoded documents as a mix holds them: with tags and documents put in, hidden, weighted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.lineage import file_names
from alignment_dagster.mixing.encoding import EncodedDocuments
from alignment_dagster.mixing.kept_documents import Numbers
from alignment_dagster.mixing.layers import Layer, Segment
from alignment_dagster.mixing.layout import Flags, Layout, TreatedTokens, join
from alignment_dagster.mixing.treatments import (
    NOTHING,
    DecidedTreatments,
    Decision,
    Part,
)
from alignment_dagster.study import Recipe
from alignment_dagster.study.treatments import Treated
from alignment_dagster.study.vocabulary import HIDDEN

WEIGHTED = "weighted"


class TreatedDocuments:
    """As `EncodedDocuments`, each document as it is treated.

    A document is its text with control tokens and other documents in it, and the token that closes
    it, which is learned whatever happens to the text. One that stands in another is not closed.
    """

    def __init__(
        self, encoded: EncodedDocuments, decided: DecidedTreatments, recipe: Recipe
    ) -> None:
        self._encoded, self._decided = encoded, decided
        self._ids = {name: encoded.token_id(name) for name in recipe.control_tokens}
        self._sizes = encoded.token_bytes()
        documents = encoded.lengths.size
        self._tags = sum(
            (one.count_tags(documents) for one in decided.decisions),
            start=np.zeros(documents, np.int64),
        )
        self._insertions = decided.insertions
        self._hosts = np.isin(np.arange(documents), self._insertions.host)
        self.alone = ~np.isin(np.arange(documents), self._insertions.document)
        self.lengths = np.zeros(documents, np.int64)
        """[documents]: tokens of each, with all that was put in; 0 where it is not encoded yet."""
        self.own_lengths = np.zeros(documents, np.int64)
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
        """Encode those of the documents that are not yet, and what stands in them."""
        rows = rows[self.lengths[rows] == 0]
        guests = self._insertions.guests(rows)
        every = np.concatenate([rows, guests])
        self._encoded.encode(every)
        own = self._encoded.lengths[every] + self._tags[every] - ~self.alone[every]
        for decision in self._decided.decisions:
            if decision.seeds is not None:
                own += [self._draw_places(decision, row).size for row in every.tolist()]
        self.own_lengths[every] = own
        self.lengths[rows] = self.own_lengths[rows]
        for host in rows[self._hosts[rows]].tolist():
            own_guests = self._insertions.document[self._insertions.places(host)]
            self.lengths[host] += self.own_lengths[own_guests].sum()

    def treated(self, row: int, phase: float) -> tuple[TreatedTokens, ...]:
        """What is done in a phase to a document and to those in it, and by which rules."""
        return self._layout(row, phase).treated

    def segments(self, row: int) -> Sequence[Segment]:
        """Whose its tokens are, where others stand in it."""
        if not self._hosts[row]:
            return ()
        found, at, done = [], 0, 0
        for guest, place in self._guests(row, self._lay_out(row, 0.0)):
            if place > done:
                found.append(Segment(row, at, place - done, done))
                at, done = at + place - done, place
            size = int(self.own_lengths[guest])
            if size:
                found.append(Segment(guest, at, size, 0))
            at += size
        return [*found, Segment(row, at, int(self.own_lengths[row]) - done, done)]

    def _layout(self, row: int, phase: float) -> Layout:
        """Of the document asked last it is known: layers are read side by side."""
        if self._last is None or self._last[:2] != (row, phase):
            own = self._lay_out(row, phase)
            joined = self._join(row, own, phase) if self._hosts[row] else own
            self._last = row, phase, joined
        return self._last[2]

    def _guests(self, row: int, layout: Layout) -> list[tuple[int, int]]:
        """The documents that stand in one, each with the token of its layout that it is before.

        A tag stands right before what it is for: what is inserted there stands before the tag.
        """
        _, ends = self._bounds(self._encoded.read(row))
        text = np.flatnonzero(layout.treatments != Treated.TAG)
        own = self._insertions.places(row)
        tokens = np.searchsorted(ends, self._insertions.offset[own], side="right")
        places = np.append(0, text + 1)[tokens]
        return list(zip(self._insertions.document[own].tolist(), places.tolist(), strict=True))

    def _join(self, row: int, own: Layout, phase: float) -> Layout:
        """A document with the others that stand in it."""
        parts, done = [], 0
        for guest, place in self._guests(row, own):
            parts += [own.part(slice(done, place)), self._lay_out(guest, phase).part(slice(-1))]
            done = place
        return join([*parts, own.part(slice(done, None))])

    def _bounds(self, tokens: NDArray[Any]) -> tuple[Numbers, Numbers]:
        """Where each token of a document's text begins and ends, in bytes."""
        sizes = self._sizes[tokens[:-1]]
        ends = np.cumsum(sizes)
        return ends - sizes, ends

    def _draw_places(self, decision: Decision, row: int) -> Numbers:
        """Before which of its own tokens a tag stands at random."""
        if not any(part.held for part in decision.parts(row)):
            return np.empty(0, np.int64)
        touched = self._touch(decision, row, *self._bounds(self._encoded.read(row)))
        return decision.draw_places(row, np.flatnonzero(touched))

    def _touch(self, decision: Decision, row: int, starts: Numbers, ends: Numbers) -> Flags:
        """Of which tokens a treatment holds, with that which closes the document [tokens]."""
        touched = np.zeros(ends.size + 1, bool)
        for part in decision.parts(row):
            touched[_tokens_of(part, starts, ends)] |= part.held
        return touched

    def _lay_out(self, row: int, phase: float) -> Layout:
        """A document by itself."""
        own = self._encoded.read(row)
        starts, ends = self._bounds(own)
        codes = np.full(own.size, Treated.LEARNED, np.uint8)
        weights = np.ones(own.size, "<f4")
        rewards = np.zeros(own.size, "<f4")
        if self._decided.rewards is not None:
            closed = np.append(ends, ends[-1] + 1 if ends.size else 1)
            rewards = self._decided.rewards.spread(row, closed)
        treated: list[tuple[str, str, Flags]] = []
        tags: list[tuple[int, str, str]] = []
        for decision in self._decided.decisions:
            one = decision.treatment
            if not one.acts(phase):
                continue
            touched = self._touch(decision, row, starts, ends)
            tags += [
                (_tokens_of(part, starts, ends).start, one.rule, one.tags[part.tag])
                for part in decision.parts(row)
                if part.tag != NOTHING
            ]
            if one.label is not None:
                touched &= codes == Treated.LEARNED
                codes[touched] = one.label
                treated.append((one.rule, one.label.name.lower(), touched))
            elif one.weight is not None:
                weights[touched] *= np.float32(one.weight)
                treated.append((one.rule, WEIGHTED, touched))
            elif one.share is not None and one.tag is not None:
                places = decision.draw_places(row, np.flatnonzero(touched)).tolist()
                tags += [(place, one.rule, one.tag) for place in places]
        ids = own.copy()
        if HIDDEN in self._ids:
            ids[codes == Treated.HIDDEN] = self._ids[HIDDEN]
        return self._put_in(row, tags, Layout(ids, codes, weights, rewards, ()), treated)

    def _put_in(
        self,
        row: int,
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
            TreatedTokens(row, rule, treatment, None, np.insert(flags, at, values=False))
            for rule, treatment, flags in treated
            if flags.any()
        ]
        places = np.flatnonzero(put_in)
        names = dict.fromkeys((rule, tag) for _, rule, tag in tags)
        for name in names:
            own = np.zeros(put_in.size, bool)
            own[[place for place, one in zip(places, tags, strict=True) if one[1:] == name]] = True
            found.append(TreatedTokens(row, name[0], Treated.TAG.name.lower(), name[1], own))
        return Layout(
            np.insert(layout.ids, at, [self._ids[tag] for _, _, tag in tags]),
            np.insert(layout.treatments, at, Treated.TAG),
            np.insert(layout.weights, at, 1),
            np.insert(layout.rewards, at, layout.rewards[at]),
            tuple(found),
        )


def _tokens_of(part: Part, starts: Numbers, ends: Numbers) -> slice:
    """The tokens that hold a byte of a part of a text."""
    first = int(np.searchsorted(ends, part.begin, side="right"))
    last = ends.size if part.end is None else int(np.searchsorted(starts, part.end))
    return slice(first, last)
