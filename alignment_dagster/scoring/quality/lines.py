"""The lines and paragraphs of a batch of texts, and how much of them is said twice."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.scoring.quality.utf8 import Flags, Integers, Utf8, as_utf8, runs
from alignment_dagster.scoring.quality.words import (
    Shares,
    as_flags,
    as_integers,
    count_by_text,
    share,
    sum_by_text,
)

OTHER_BREAKS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""What ends a line besides a line feed."""


@dataclass(frozen=True)
class Lines:
    """The lines (or paragraphs) of all texts, text after text."""

    texts: int
    """How many texts there are."""
    values: pa.Array
    """(lines,) What each says."""
    document: Integers
    """(lines,) The text that each stands in."""

    @property
    def counts(self) -> Integers:
        """(texts,) Lines of each text."""
        return count_by_text(self.document, self.texts)

    def share(self, flags: pa.Array | Flags) -> Shares:
        """(texts,) The share of each text's lines that are flagged."""
        flagged = flags if isinstance(flags, np.ndarray) else as_flags(flags)
        return share(count_by_text(self.document[flagged], self.texts), self.counts)

    def filter(self, flags: pa.Array) -> "Lines":
        """The flagged ones."""
        return Lines(self.texts, self.values.filter(flags), self.document[as_flags(flags)])

    def repeated(self) -> tuple[Integers, Integers]:
        """(texts,) Lines that the text has had before, and their characters."""
        encoded = pc.dictionary_encode(self.values)
        distinct = max(1, len(encoded.dictionary))
        key = self.document * distinct + as_integers(encoded.indices)
        once, times = np.unique(key, return_counts=True)
        lengths = as_integers(pc.utf8_length(encoded.dictionary))
        again, document = times - 1, once // distinct
        return (
            sum_by_text(document, again, self.texts),
            sum_by_text(document, again * lengths[once % distinct], self.texts),
        )


def split_lines(texts: Utf8) -> Lines:
    """Lines that end as Python's `splitlines` says: by any of Unicode's line breaks."""
    begins = np.sort(np.concatenate([texts.newlines(), texts.find(OTHER_BREAKS)]))
    ends = begins + texts.widths(begins)
    first, second = texts.data[begins[:-1]], texts.data[begins[1:]]
    of_two = (first == ord("\r")) & (second == ord("\n")) & (np.diff(begins) == 1)
    ends[:-1][of_two] += 1
    begins, ends = (np.delete(each, np.flatnonzero(of_two) + 1) for each in (begins, ends))
    lines = _split(texts, begins, ends)
    # behind the last line break there is a line only if it says something
    last = np.cumsum(lines.counts) - 1
    empty = last[as_flags(pc.equal(lines.values.take(pa.array(last)), ""))]
    kept = np.ones(len(lines.values), dtype=np.bool_)
    kept[empty] = False
    return lines.filter(pa.array(kept)) if len(empty) else lines


def split_at_newlines(texts: Utf8) -> Lines:
    """What stands before, between and after line feeds."""
    feeds = texts.newlines()
    return _split(texts, feeds, feeds + 1)


def split_paragraphs(texts: pa.Array) -> Lines:
    """What empty lines separate."""
    trimmed = as_utf8(pc.utf8_trim_whitespace(texts))
    begins, ends = runs(trimmed.newlines())
    several = ends - begins > 1
    return _split(trimmed, begins[several], ends[several])


def _split(texts: Utf8, begins: Integers, ends: Integers) -> Lines:
    """What stands between separators, which begin and end there."""
    of_texts = texts.bounds[:-1] + 1, texts.bounds[1:]
    edges = np.sort(np.concatenate([begins, ends, *of_texts]))
    pieces = texts.cut(edges)
    return Lines(
        len(of_texts[0]),
        pieces.take(pa.array(np.arange(0, len(edges), 2))),
        np.repeat(np.arange(len(of_texts[0])), texts.count(begins) + 1),
    )
