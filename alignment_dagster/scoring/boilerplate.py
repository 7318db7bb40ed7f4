"""`boilerplate`: whether a written text holds an assistant's remarks, or what was left of a prompt.

A text may tell of an assistant that refuses or speaks of itself. So most phrases count where a
model's own remarks stand only: as the first words of the text, or in its last lines; there without
what is said in quotation marks, and without lines that begin with a speaker's name. What no text
says (names in braces, chat markers, the fence of an original) counts wherever it stands.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.scoring.lexicon import Lexicon, Match, read_terms, terms_digest
from alignment_dagster.scoring.normalise import normalise
from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext

FOLDER = Path("lexicons") / "boilerplate"
LISTS = ("preambles", "announcements", "self_references", "tasks", "notes", "placeholders")
NAMES = "names"
REFUSALS = Path("lexicons") / "refusals" / "phrases.txt"
END = 1_000
"""Characters of a text's beginning and of its end in which remarks are looked for."""
REFUSAL_WITHIN, TASK_WITHIN = 12, 12
"""Words: from the beginning to a refusal, and from there to what is refused."""
BETWEEN = 2
"""Words between two phrases of a refusal that together begin a text: I'm sorry, but I can't."""
SELF_WITHIN = 40
"""Words from the beginning, and from the end."""
ANNOUNCED_WITHIN = 10
"""Words of a line that announces a text."""
LAST = 3
"""Lines, and sentences, that may be a remark behind the text."""

QUOTED = re.compile(r'"[^"\n]*"|\u201c[^\u201d\n]*\u201d|\u00ab[^\u00bb\n]*\u00bb')
SPOKEN = re.compile(
    r"^[ \t>*_-]*[A-Z][\w.'\u2019-]*(?: [\w.'\u2019-]+){0,2}[*_]*:[ \t]+\S.*$", re.M
)
MARKERS = re.compile(
    r"^\[[0-9a-f]{24}\]$|<\|[a-z_]{2,30}\|>|\[/?INST\]|</?think>|<(?:start|end)_of_turn>"
    r"|^#{2,3} ?(?:Instruction|Response):?[ \t]*$",
    re.M,
)
"""The line around an original, tokens of chat templates, and headings of instruction formats."""
BRACES = re.compile(r"(?<![\\\w{$])\{(\w{2,20})\}(?!\})")
BRACKETS = re.compile(r"(?<!\w)\[([A-Za-z][^\[\]\n]{2,60})\](?!\()")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
OPENERS = ("heres", "here is", "here are", "below is", "the following is")

COLUMNS = {"flagged": pa.bool_(), "kind": pa.string(), "phrase": pa.string()}
"""`kind`: `leftover`, `placeholder`, `refusal`, `preamble`, `self_reference` or `note`."""


class Found(NamedTuple):
    """What a text holds, and of which kind it is."""

    kind: str
    phrase: str


@dataclass(frozen=True)
class Boilerplate:
    """The lists, ready to be looked for."""

    preambles: Lexicon
    announcements: Lexicon
    self_references: Lexicon
    tasks: Lexicon
    notes: Lexicon
    placeholders: Lexicon
    names: frozenset[str]
    refusals: Lexicon

    @classmethod
    def read(cls, assets: Path) -> "Boilerplate":
        """Read the lists.

        Raises:
            DeclarationError: names the file and the line.
        """
        lists = {name: read_terms(assets / FOLDER / f"{name}.txt") for name in (*LISTS, NAMES)}
        return cls(
            **{name: Lexicon(lists[name]) for name in LISTS},
            names=frozenset(one.written for one in lists[NAMES]),
            refusals=Lexicon(read_terms(assets / REFUSALS)),
        )

    def find(self, text: str) -> Found | None:
        """The first that there is, in the order of the kinds."""
        return next(self._find(text), None)

    def _find(self, text: str) -> Iterator[Found]:
        yield from self._leftovers(text)
        head, tail = _told(text[:END]), _told(text[-END:])
        first = normalise(head)
        yield from self._refusals(first)
        yield from self._preambles(head, first)
        last = normalise(tail)
        for words in (first[:SELF_WITHIN], last[-SELF_WITHIN:]):
            yield from _named("self_reference", self.self_references.matches(words))
        yield from self._notes(text[-END:])

    def _leftovers(self, text: str) -> Iterator[Found]:
        if found := MARKERS.search(text):
            yield Found("leftover", found[0])
        for found in BRACES.finditer(text):
            if found[1] in self.names:
                yield Found("leftover", found[0])
        for found in BRACKETS.finditer(text):
            words = normalise(found[1])
            for match in self.placeholders.matches(words):
                if match.start == 0 and (match.term.open_ended or match.end == len(words)):
                    yield Found("placeholder", found[0])

    def _refusals(self, words: Sequence[str]) -> Iterator[Found]:
        near = words[: REFUSAL_WITHIN + TASK_WITHIN]
        refusals = list(self.refusals.matches(near[:REFUSAL_WITHIN]))
        for refusal in refusals:
            for task in self.tasks.matches(near[refusal.end :]):
                yield Found("refusal", f"{refusal.term.written} + {task.term.written}")
        for one, other in combinations(refusals, 2):
            follows = one.end <= other.start <= one.end + BETWEEN
            if one.start == 0 and follows and one.term != other.term:
                yield Found("refusal", f"{one.term.written} + {other.term.written}")

    def _preambles(self, head: str, words: Sequence[str]) -> Iterator[Found]:
        opening = (one for one in self.preambles.matches(words) if one.start == 0)
        yield from _named("preamble", opening)
        line = head.strip().partition("\n")[0].strip(" *_#")
        plain = normalise(line)
        if line.endswith(":") and " ".join(plain).startswith(OPENERS):
            announced = self.announcements.matches(plain[:ANNOUNCED_WITHIN])
            yield from _named("preamble", announced)

    def _notes(self, tail: str) -> Iterator[Found]:
        told = QUOTED.sub(" ", tail)
        lines = [line for line in told.split("\n") if line.strip()][-LAST:]
        for part in (*lines, *SENTENCE_END.split(told)[-LAST:]):
            notes = self.notes.matches(normalise(part))
            yield from _named("note", (one for one in notes if one.start == 0))


def _named(kind: str, matches: Iterator[Match]) -> Iterator[Found]:
    return (Found(kind, match.term.written) for match in matches)


def _told(text: str) -> str:
    """What is neither quoted nor said by somebody whose name stands before it."""
    return SPOKEN.sub("", QUOTED.sub(" ", text))


def _bind(context: ScoringContext) -> ScoreBatch:
    lists = Boilerplate.read(context.assets)

    def score(texts: list[str]) -> pa.Table:
        found = [lists.find(text) for text in texts]
        phrases = pa.array([one and one.phrase for one in found], pa.string())
        kinds = pa.array([one and one.kind for one in found], pa.string())
        return pa.table({"flagged": phrases.is_valid(), "kind": kinds, "phrase": phrases})

    return score


def _read_digest(context: ScoringContext) -> str:
    lists = [context.assets / FOLDER / f"{one}.txt" for one in (*LISTS, NAMES)]
    return sha256_json([(p.name, terms_digest(p)) for p in (*lists, context.assets / REFUSALS)])


SCORER = Scorer("boilerplate", "1", COLUMNS, _bind, _read_digest)
