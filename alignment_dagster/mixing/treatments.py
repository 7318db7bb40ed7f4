"""What a recipe's treatments make of the documents that it keeps, decided from their scores."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.mixing.document_scores import (
    Column,
    Flags,
    ScoreFiles,
    Scores,
    Sentences,
    hold,
    read_scores,
    read_sentences,
)
from alignment_dagster.mixing.insertions import Insertions, decide_insertions
from alignment_dagster.mixing.kept_documents import BATCH, KeptDocuments, Numbers
from alignment_dagster.mixing.rewards import Rewards, decide_rewards
from alignment_dagster.mixing.treatment_error import refuse_missing
from alignment_dagster.study import Recipe
from alignment_dagster.study.treatments import Treatment

NOTHING = -1
"""No tag."""


class Part(NamedTuple):
    """A part of a document's text, in bytes, and what a treatment does to it."""

    begin: int
    end: int | None
    """None for the end of the text."""
    tag: int
    """Which of the treatment's tags stands before it; `NOTHING` where none does."""
    held: bool
    """Whether the treatment holds of it."""


@dataclass(frozen=True)
class Decision:
    """What one treatment does: to whole documents, or to sentences [n]."""

    treatment: Treatment
    sentences: Sentences | None
    """None where it is decided of whole documents."""
    held: Flags
    """Which of them it treats; of tags those that `tag` stands before."""
    tags: Numbers | None
    """Which of the treatment's tags stands before each; `NOTHING` where none does."""
    seeds: NDArray[np.uint64] | None
    """Of each document, where a tag is put at random positions: what these are drawn from."""

    def parts(self, row: int) -> Iterator["Part"]:
        """The parts of a document that it decides of: the whole, or its sentences."""
        if self.sentences is None:
            yield Part(0, None, self._tag(row), bool(self.held[row]))
            return
        begin, end = np.searchsorted(self.sentences.owner, (row, row + 1)).tolist()
        for one in range(begin, end):
            start, stop = int(self.sentences.start[one]), int(self.sentences.end[one])
            yield Part(start, stop, self._tag(one), bool(self.held[one]))

    def _tag(self, one: int) -> int:
        return NOTHING if self.tags is None else int(self.tags[one])

    def draw_places(self, row: int, pool: Numbers) -> Numbers:
        """Before which of a document's tokens a tag is put at random, in order.

        So many that they are the declared share of what is then read, on average over documents;
        none twice before the same token.
        """
        if self.seeds is None or (share := self.treatment.share) is None:
            return pool[:0]
        generator = np.random.Generator(np.random.PCG64(int(self.seeds[row])))
        count = int(pool.size * share / (1 - share) + generator.random())
        return np.sort(pool[np.argsort(generator.random(pool.size), kind="stable")[:count]])

    def count_tags(self, documents: int) -> Numbers:
        """How many tags it puts before each document or its sentences [documents]."""
        if self.tags is None:
            return np.zeros(documents, np.int64)
        tagged = self.tags != NOTHING
        owner = np.arange(documents) if self.sentences is None else self.sentences.owner
        return np.bincount(owner[tagged], minlength=documents)


@dataclass(frozen=True)
class DecidedTreatments:
    """What happens to the text of each kept document, in the order of the treatments."""

    decisions: tuple[Decision, ...]
    rewards: Rewards | None
    insertions: Insertions

    @property
    def weighs(self) -> bool:
        """Whether losses are multiplied."""
        return any(one.treatment.do == "weight" for one in self.decisions)


def wanted_columns(recipe: Recipe) -> tuple[Column, ...]:
    """The scores of documents that treatments and rewards are decided from, each once."""
    found = [each for one in recipe.treat if one.per == "document" for each in one.columns]
    found += [each for one in recipe.treat if one.at is not None for each in one.at.columns]
    if recipe.reward is not None and recipe.reward.per == "document":
        found.append(recipe.reward.named)
    return tuple(dict.fromkeys(found))


def decide_treatments(
    kept: KeptDocuments,
    recipe: Recipe,
    files: ScoreFiles,
    seed: int,
    dispositions: Path,
    documents: Sequence[Path],
) -> DecidedTreatments:
    """Decide over every kept document.

    Args:
        seed: of the mix; which documents and sentences lose their tag, and where tags stand, is
            drawn from it.
        dispositions: the recipe's, and
        documents: the corpora's files; for what is inserted.

    Raises:
        TreatmentError: if something lacks a score that is asked for, all have the same reward, or
            a document cannot be inserted where it is to be.
    """
    scores = read_scores(kept, files, wanted_columns(recipe))
    place = f"{seed}:{recipe.name}"
    decisions = tuple(
        _decide(kept, treatment, number, files, scores, place)
        for number, treatment in enumerate(recipe.treat)
    )
    places = {
        number: (one.treatment.at, one.held)
        for number, one in enumerate(decisions)
        if one.treatment.at is not None
    }
    insertions = decide_insertions(kept, places, scores, dispositions, documents)
    rewards = None if recipe.reward is None else decide_rewards(kept, recipe.reward, files, scores)
    return DecidedTreatments(decisions, rewards, insertions)


def _decide(
    kept: KeptDocuments,
    treatment: Treatment,
    number: int,
    files: ScoreFiles,
    scores: Mapping[Column, Scores],
    place: str,
) -> Decision:
    sentences = None
    owner: Numbers = np.arange(kept.ids.size)
    if treatment.per == "sentence":
        sentences = read_sentences(kept, files, treatment.columns)
        owner, scores = sentences.owner, sentences.scores
    scope = _scope(kept, treatment)[owner]
    held = scope
    if treatment.when is not None:
        for column in treatment.columns:
            missing = scope & scores[column].missing
            refuse_missing(kept, owner[missing], column, ("treat", number, "when"))
        held = scope & hold(treatment.when, scores, owner.size)
    tags = None
    if treatment.do == "tag":
        tags = np.where(scope & (treatment.otherwise is not None), 1, NOTHING).astype(np.int8)
        tags[held] = 0
        if treatment.dropout:
            drawn = _draw(kept, scope, sentences, f"{place}:{treatment.rule}") / 2.0**64
            tags[scope & (drawn < treatment.dropout)] = NOTHING
    seeds = None
    if treatment.share is not None:
        # Whoever puts the same tag into the same documents puts it at the same positions.
        common = f"{place.split(':')[0]}:{treatment.tag}"
        seeds = _draw(kept, _scope(kept, treatment), None, common)
    return Decision(treatment, sentences, held, tags, seeds)


def _scope(kept: KeptDocuments, treatment: Treatment) -> Flags:
    if treatment.sources is None:
        return np.ones(kept.ids.size, bool)
    return np.isin(np.array(kept.source.names)[kept.source.numbers], treatment.sources)


def _draw(
    kept: KeptDocuments, scope: Flags, sentences: Sentences | None, place: str
) -> NDArray[np.uint64]:
    """A number for each document or sentence in scope, from its id: others change nothing."""
    drawn = np.zeros(scope.size, np.uint64)
    rows = np.flatnonzero(scope)
    for part in (rows[at : at + BATCH] for at in range(0, rows.size, BATCH)):
        ids = kept.hex_ids(part if sentences is None else sentences.owner[part])
        if sentences is not None:
            numbers = sentences.number[part].tolist()
            ids = [f"{one}:{number}" for one, number in zip(ids, numbers, strict=True)]
        digests = (hashlib.sha256(f"{place}:{one}".encode()).digest()[:8] for one in ids)
        drawn[part] = [int.from_bytes(one, "little") for one in digests]
    return drawn
