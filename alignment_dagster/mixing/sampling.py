"""How often each kept document is seen, so that every group gets its share of the token budget."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from alignment_dagster.errors import DataError
from alignment_dagster.study import Mix, Recipe


@dataclass(frozen=True)
class Candidate:
    """A kept document: `tokens` is its length with the closing token."""

    document_id: str
    source: str
    group: str
    tokens: int


@dataclass(frozen=True)
class Copy:
    """One time that a document is seen: an index into the candidates, and which copy it is."""

    document: int
    copy: int


def sample(candidates: Sequence[Candidate], recipe: Recipe, mix: Mix) -> list[Copy]:
    """The copies that fill the budget, in the order in which they are packed.

    Each document's place is drawn from a hash of the seed and its id, so that a document more or
    less changes nothing for the others. Whole passes over a group come first; the last pass takes
    a prefix of that order.

    Raises:
        DataError: if a group has no document, or would be seen more than `max_repeats` times.
    """
    copies: list[Copy] = []
    for group, share in recipe.shares.items():
        members = [index for index, item in enumerate(candidates) if item.group == group]
        _check_budget(recipe.name, group, share, [candidates[i].tokens for i in members], mix)
        copies += _fill(candidates, members, share * mix.tokens, mix.seed)
    return sorted(
        copies, key=lambda item: _draw(mix.seed, candidates[item.document].document_id, item.copy)
    )


def _fill(
    candidates: Sequence[Candidate], members: list[int], tokens: float, seed: int
) -> list[Copy]:
    order = sorted(members, key=lambda i: _draw(seed, candidates[i].document_id, -1))
    copies: list[Copy] = []
    filled, copy = 0, 0
    while filled < tokens:
        for index in order:
            if filled >= tokens:
                break
            copies.append(Copy(index, copy))
            filled += candidates[index].tokens
        copy += 1
    return copies


def _check_budget(name: str, group: str, share: float, tokens: list[int], mix: Mix) -> None:
    wanted = share * mix.tokens
    if not tokens:
        raise DataError(
            f"recipe {name!r}: group {group!r} has no document left, but is to fill {share:.1%} "
            f"of {mix.tokens:,} tokens"
        )
    repeats = wanted / sum(tokens)
    if repeats > mix.max_repeats:
        raise DataError(
            f"recipe {name!r}: the budget cannot be met: group {group!r} holds {sum(tokens):,} "
            f"tokens and is to fill {wanted:,.0f}, {repeats:.1f} times each "
            f"(mix.max_repeats is {mix.max_repeats:g})"
        )


def _draw(seed: int, document_id: str, copy: int) -> bytes:
    return hashlib.sha256(f"{seed}:{document_id}:{copy}".encode()).digest()
