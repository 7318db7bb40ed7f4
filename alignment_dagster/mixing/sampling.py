"""How often each kept document is seen, so that every group gets its tokens."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.mixing.encoding import BATCH
from alignment_dagster.mixing.kept_documents import KeptDocuments, Numbers, hex_ids
from alignment_dagster.mixing.layers import Packable
from alignment_dagster.study import Mix

HASHED = 65_536
"""Documents whose ids are texts at a time."""
RANK_BYTES = 16
"""Of a digest: enough that no two documents share them."""


@dataclass(frozen=True)
class Copies:
    """Each time that a document is seen [copies]: its row, and which copy of it that is."""

    documents: Numbers
    numbers: Numbers


def sample(
    kept: KeptDocuments,
    encoded: Packable,
    tokens: Mapping[str, float],
    mix: Mix,
    recipe: str,
) -> Copies:
    """The copies that fill the budget, in the order in which they are packed.

    Each document's place is drawn from a hash of the seed and its id, so that a document more or
    less changes nothing for the others. Whole passes over a group come first; the last pass takes
    a prefix of that order. Only what is taken is encoded, and a little more.

    Args:
        tokens: group → the tokens that it is to fill.

    Raises:
        DataError: if a group has no document, or would be seen more than `max_repeats` times.
    """
    documents: list[Numbers] = [np.empty(0, np.int64)]
    numbers: list[Numbers] = [np.empty(0, np.int32)]
    budget = sum(tokens.values())
    for group, wanted in tokens.items():
        members = kept.members(group)
        members = members[encoded.alone[members]]
        if not members.size:
            raise DataError(
                f"recipe {recipe!r}: group {group!r} has no document left, but is to fill "
                f"{wanted / budget:.1%} of {budget:,.0f} tokens"
            )
        order = members[np.argsort(_draw_ranks(mix.seed, kept.ids[members], -1), kind="stable")]
        read = _encode_first(order, kept, encoded, wanted)
        filled = int(encoded.lengths[read].sum())
        if wanted > filled * mix.max_repeats:
            raise DataError(
                f"recipe {recipe!r}: the budget cannot be met: group {group!r} holds "
                f"{filled:,} tokens and is to fill {wanted:,.0f}, {wanted / filled:.1f} times each "
                f"(mix.max_repeats is {mix.max_repeats:g})"
            )
        for copy, part in enumerate(_passes(read, encoded.lengths[read], math.ceil(wanted))):
            documents.append(part)
            numbers.append(np.full(part.size, copy, np.int32))
    return _shuffle(kept, np.concatenate(documents), np.concatenate(numbers), mix.seed)


def _encode_first(order: Numbers, kept: KeptDocuments, encoded: Packable, wanted: float) -> Numbers:
    """Encode the first documents of an order until they fill what is wanted, or all; which ones.

    How many that takes is judged by the tokens a character of those before: one batch more or
    less is encoded for nothing, and never taken.
    """
    done = tokens = 0
    while done < order.size and tokens < wanted:
        read = int(kept.characters[order[:done]].sum())
        missing = (wanted - tokens) * read / tokens if tokens else 0.0
        sizes = np.cumsum(kept.characters[order[done:]])
        done += min(order.size - done, BATCH + int(np.searchsorted(sizes, missing)))
        encoded.encode(order[:done])
        tokens = int(encoded.lengths[order[:done]].sum())
    return order[:done]


def _passes(order: Numbers, lengths: Numbers, wanted: int) -> Iterator[Numbers]:
    """Whole passes over all, then the shortest prefix that fills the rest."""
    filled = np.cumsum(lengths)
    whole, rest = divmod(wanted, int(filled[-1]))
    for _ in range(whole):
        yield order
    if rest:
        yield order[: int(np.searchsorted(filled, rest)) + 1]


def _shuffle(kept: KeptDocuments, documents: Numbers, numbers: Numbers, seed: int) -> Copies:
    ranks = np.empty(documents.size, f"S{RANK_BYTES}")
    for copy in np.unique(numbers).tolist():
        chosen = np.flatnonzero(numbers == copy)
        ranks[chosen] = _draw_ranks(seed, kept.ids[documents[chosen]], copy)
    order = np.argsort(ranks, kind="stable")
    return Copies(documents[order], numbers[order])


def _draw_ranks(seed: int, ids: NDArray[np.bytes_], copy: int) -> NDArray[np.bytes_]:
    ranks = np.empty(ids.size, f"S{RANK_BYTES}")
    for start in range(0, ids.size, HASHED):
        digests = (
            hashlib.sha256(f"{seed}:{document_id}:{copy}".encode()).digest()[:RANK_BYTES]
            for document_id in hex_ids(ids[start : start + HASHED])
        )
        ranks[start : start + HASHED] = np.frombuffer(b"".join(digests), ranks.dtype)
    return ranks
