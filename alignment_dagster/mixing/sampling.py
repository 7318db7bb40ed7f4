"""How often each kept document is seen, so that every group gets its share of the token budget."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.mixing.encoding import EncodedDocuments
from alignment_dagster.study import Mix, Recipe


@dataclass(frozen=True)
class Candidate:
    """A kept document."""

    document_id: str
    source: str
    group: str


@dataclass(frozen=True)
class Copy:
    """One time that a document is seen: an index into the candidates, and which copy it is."""

    document: int
    copy: int


def sample(
    candidates: Sequence[Candidate], encoded: EncodedDocuments, recipe: Recipe, mix: Mix
) -> list[Copy]:
    """The copies that fill the budget, in the order in which they are packed.

    Each document's place is drawn from a hash of the seed and its id, so that a document more or
    less changes nothing for the others. Whole passes over a group come first; the last pass takes
    a prefix of that order. Only what is taken is encoded.

    Raises:
        DataError: if a group has no document, or would be seen more than `max_repeats` times.
    """
    copies: list[Copy] = []
    for group, share in recipe.shares.items():
        members = [index for index, item in enumerate(candidates) if item.group == group]
        if not members:
            raise DataError(
                f"recipe {recipe.name!r}: group {group!r} has no document left, but is to fill "
                f"{share:.1%} of {mix.tokens:,} tokens"
            )
        order = sorted(members, key=lambda i: _draw_rank(mix.seed, candidates[i].document_id, -1))
        copies += _fill(order, encoded, f"recipe {recipe.name!r}", group, share, mix)
    return sorted(
        copies,
        key=lambda item: _draw_rank(mix.seed, candidates[item.document].document_id, item.copy),
    )


def _fill(
    order: Sequence[int], encoded: EncodedDocuments, name: str, group: str, share: float, mix: Mix
) -> list[Copy]:
    wanted = share * mix.tokens
    copies: list[Copy] = []
    filled, copy = 0, 0
    while filled < wanted:
        for place, index in enumerate(order):
            if filled >= wanted:
                break
            copies.append(Copy(index, copy))
            filled += encoded.length(place, order)
        copy += 1
        if copy == 1 and wanted > filled * mix.max_repeats:
            raise DataError(
                f"{name}: the budget cannot be met: group {group!r} holds {filled:,} tokens and "
                f"is to fill {wanted:,.0f}, {wanted / filled:.1f} times each "
                f"(mix.max_repeats is {mix.max_repeats:g})"
            )
    return copies


def _draw_rank(seed: int, document_id: str, copy: int) -> bytes:
    return hashlib.sha256(f"{seed}:{document_id}:{copy}".encode()).digest()
