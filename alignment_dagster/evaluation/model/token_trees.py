"""Sequences that begin alike as one tree of tokens, so that what they share is read once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

NEVER = 2**31 - 1
"""In `ends`: nothing follows that is no descendant."""


@dataclass(frozen=True)
class Continuation:
    """A token sequence, and where in it begins what is scored."""

    tokens: tuple[int, ...]
    start: int

    @property
    def scored(self) -> int:
        """How many tokens are scored."""
        return len(self.tokens) - self.start

    @property
    def inputs(self) -> int:
        """How many tokens the model reads: the last one is only predicted."""
        return len(self.tokens) - 1


@dataclass
class TokenTree:
    """A tree of tokens, each before its descendants, and these before whatever is none of them.

    So what a token sees, its path from the root, is whatever stands before it and has not ended.
    """

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    """The distance of each token from the root: its position."""
    ends: list[int] = field(default_factory=list)
    """For each token, where in the row its last descendant is followed by a token that is none."""
    continuations: list[Continuation] = field(default_factory=list)
    paths: list[list[int]] = field(default_factory=list)
    """For each continuation, where in the row the tokens that the model reads for it lie."""

    @property
    def size(self) -> int:
        """How many tokens the model reads."""
        return len(self.tokens)

    def add(self, one: Continuation, shared: int) -> None:
        """Add a sequence whose first `shared` tokens are those of the one added last."""
        before = self.paths[-1] if self.paths else []
        begin, end = self.size, self.size + one.inputs - shared
        for ended in before[shared:]:
            self.ends[ended] = begin
        self.tokens += one.tokens[shared:-1]
        self.depths += range(shared, one.inputs)
        self.ends += [NEVER] * (end - begin)
        self.continuations.append(one)
        self.paths.append([*before[:shared], *range(begin, end)])


def build_trees(continuations: Sequence[Continuation], width: int, limit: int) -> list[TokenTree]:
    """Every sequence in one row, together with those that it is cheaper to read it with.

    Args:
        continuations: distinct sequences.
        width: of the model's hidden states; decides what attention costs beside the rest.
        limit: no row of several sequences has more tokens.
    """
    trees: list[TokenTree] = []
    before: tuple[int, ...] = ()
    for one in sorted(continuations, key=lambda one: (one.tokens[:-1], one.tokens[-1], one.start)):
        read = one.tokens[:-1]
        shared = _common(before, read)
        if not trees or not _worthwhile(trees[-1].size, shared, len(read), width, limit):
            trees.append(TokenTree())
            shared = 0
        trees[-1].add(one, shared)
        before = read
    return trees


def _worthwhile(size: int, shared: int, length: int, width: int, limit: int) -> bool:
    """Whether reading a sequence in a row saves more than it costs.

    A token costs about 24·width² operations a layer in a decoder whose feed-forward part is 8/3
    as wide, and 4·width for each token of the row that attention compares it with; masked pairs
    are computed too.
    """
    new = length - shared
    pairs = (size + new) ** 2 - size**2 - length**2
    return size + new <= limit and shared * 6 * width > pairs


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences share from the beginning."""
    for at, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return at
    return min(len(first), len(second))
