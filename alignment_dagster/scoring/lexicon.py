"""Word lists: read with errors that name file and line, and searched fast.

A list has one term of one or more words to a line; `#` begins a comment. A term of one word may
end in `*` and then stands for every word that begins so. Terms and texts are compared as
normalised words, so case, punctuation and hyphens do not matter.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.scoring.normalise import normalise

SHORTEST_STEM = 3


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
    """Terms, indexed by their first word: a text costs one look-up a word."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms = tuple(terms)
        self._by_first: dict[str, list[Term]] = {}
        for term in self.terms:
            if not term.open_ended:
                self._by_first.setdefault(term.words[0], []).append(term)
        for found in self._by_first.values():
            found.sort(key=lambda term: len(term.words), reverse=True)
        self._stems = {term.words[0]: term for term in self.terms if term.open_ended}
        self._prefixes = tuple(self._stems)

    def may_match(self, distinct: set[str]) -> bool:
        """False only where none of a text's distinct words begins a term."""
        return bool(self._prefixes) or not distinct.isdisjoint(self._by_first)

    def matches(self, words: Sequence[str]) -> Iterator[Match]:
        """Where terms begin, in the order of the text; at each place the longest term only."""
        for start, word in enumerate(words):
            if word in self._by_first:
                match = self._longest(words, start)
                if match:
                    yield match
                    continue
            if self._prefixes and word.startswith(self._prefixes):
                yield Match(start, start + 1, self._open_ended(word))

    def _longest(self, words: Sequence[str], start: int) -> Match | None:
        for term in self._by_first[words[start]]:
            end = start + len(term.words)
            if tuple(words[start:end]) == term.words:
                return Match(start, end, term)
        return None

    def _open_ended(self, word: str) -> Term:
        stem = max((stem for stem in self._prefixes if word.startswith(stem)), key=len)
        return self._stems[stem]


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
    try:
        content = path.read_bytes()
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
