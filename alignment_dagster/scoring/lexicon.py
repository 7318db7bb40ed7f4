"""Word lists: read with errors that name file and line, and searched fast.

A list has one term of one or more words to a line; `#` begins a comment. A term of one word may
end in `*` and then stands for every word that begins so. Terms and texts are compared as
normalised words, so case, punctuation and hyphens do not matter.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, count
from pathlib import Path

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.foreign_files import read_regular
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.scoring.normalise import normalise

SHORTEST_STEM = 3
LARGEST = 1 << 24
"""Bytes of a list."""


@dataclass(frozen=True)
class Term:
    """A term as its list writes it, and as the words that are looked for."""

    written: str
    words: tuple[str, ...]
    open_ended: bool = False


@dataclass(frozen=True)
class Match:
    """A term found at the words `start` to `end` (exclusive) of a text."""

    start: int
    end: int
    term: Term


class Lexicon:
    """Terms, indexed by their longest word: a text costs one look-up a word."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms = tuple(terms)
        self._by_word: dict[str, list[tuple[int, Term]]] = {}
        for term in self.terms:
            if not term.open_ended:
                # the rarest, as a rule: `the model` is looked for wherever there is a model
                word = max(term.words, key=len)
                self._by_word.setdefault(word, []).append((term.words.index(word), term))
        self._stems = {term.words[0]: term for term in self.terms if term.open_ended}
        self._stem_lengths = sorted({len(stem) for stem in self._stems}, reverse=True)

    def matches(self, words: Sequence[str]) -> Iterator[Match]:
        """Where terms begin, in the order of the text; at each place the longest term only."""
        found: dict[int, Match] = {}
        # asked of every word of a corpus: the loop over words that no term has is one in C
        for place in compress(count(), map(self._by_word.__contains__, words)):
            for offset, term in self._by_word[words[place]]:
                start, end = place - offset, place - offset + len(term.words)
                longer = start not in found or found[start].end < end
                if start >= 0 and longer and tuple(words[start:end]) == term.words:
                    found[start] = Match(start, end, term)
        for start, word in enumerate(words if self._stems else ()):
            if start not in found and (open_ended := self._open_ended(word)) is not None:
                found[start] = Match(start, start + 1, open_ended)
        yield from map(found.__getitem__, sorted(found))

    def _open_ended(self, word: str) -> Term | None:
        """The term with the longest stem that the word begins with."""
        for length in self._stem_lengths:
            if word[:length] in self._stems:
                return self._stems[word[:length]]
        return None


def read_terms(path: Path) -> tuple[Term, ...]:
    """The terms of one list, in its order.

    Raises:
        DeclarationError: names the file, and the line of a term that cannot be used; also if the
            list is missing or has no terms.
    """
    terms: dict[tuple[tuple[str, ...], bool], Term] = {}
    for number, line in enumerate(_read_lines(path), start=1):
        written = line.partition("#")[0].strip()
        if not written:
            continue
        place = f"{shown(path)}:{number}"
        term = _parse_term(written, place)
        if (term.words, term.open_ended) in terms:
            raise DeclarationError(f"{place}: {written!r} is in the list twice")
        terms[term.words, term.open_ended] = term
    if not terms:
        raise DeclarationError(f"{shown(path)}: the list has no terms")
    return tuple(terms.values())


def terms_digest(path: Path) -> str:
    """Hex SHA-256 of a list's terms as they are written; its comments are no part of it.

    Raises:
        DeclarationError: as `read_terms`.
    """
    return sha256_json([term.written for term in read_terms(path)])


def _read_lines(path: Path) -> list[str]:
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise DeclarationError(f"{shown(path)}: links to a place outside its folder")
    try:
        content = read_regular(path, LARGEST)
    except OSError as error:
        raise DeclarationError(f"{shown(path)}: cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DeclarationError(f"{shown(path)}:{line}: not UTF-8") from None


def _parse_term(written: str, place: str) -> Term:
    open_ended = written.endswith("*")
    words = tuple(normalise(written.removesuffix("*")))
    if not words:
        raise DeclarationError(f"{place}: {written!r} has no letters or digits")
    if "*" in written.removesuffix("*"):
        raise DeclarationError(f"{place}: {written!r}: `*` may only stand at the end")
    if open_ended and (len(words) > 1 or len(words[0]) < SHORTEST_STEM):
        message = f"`*` needs one word of at least {SHORTEST_STEM} letters before it"
        raise DeclarationError(f"{place}: {written!r}: {message}")
    return Term(written, words, open_ended)
