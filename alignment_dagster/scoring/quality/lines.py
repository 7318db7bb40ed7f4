"""The lines and paragraphs of a batch of texts, and how much of them is said twice."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.scoring.quality.words import (
    Flags,
    Integers,
    Shares,
    as_flags,
    as_integers,
    count_by_text,
    flatten,
    has_any,
    share,
    sum_by_text,
)

OTHER_BREAKS = "\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
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


def split_lines(texts: pa.Array) -> Lines:
    """Lines that end as Python's `splitlines` says: by any of Unicode's line breaks."""
    if has_any(texts, OTHER_BREAKS):
        texts = pc.replace_substring_regex(texts, f"\r\n|[{OTHER_BREAKS}]", "\n")
    lines = split_at_newlines(texts)
    last = np.cumsum(lines.counts) - 1
    empty = last[as_flags(pc.equal(lines.values.take(pa.array(last)), ""))]
    kept = np.ones(len(lines.values), dtype=np.bool_)
    kept[empty] = False
    return lines.filter(pa.array(kept)) if len(empty) else lines


def split_at_newlines(texts: pa.Array) -> Lines:
    """What stands before, between and after line feeds."""
    document, values = flatten(pc.split_pattern(texts, "\n"))
    return Lines(len(texts), values, document)


def split_paragraphs(texts: pa.Array) -> Lines:
    """What empty lines separate."""
    trimmed = pc.utf8_trim_whitespace(texts)
    longer = pc.any(pc.match_substring(trimmed, "\n\n\n")).as_py()
    split = (
        pc.split_pattern_regex(trimmed, "\n\n+") if longer else pc.split_pattern(trimmed, "\n\n")
    )
    document, values = flatten(split)
    return Lines(len(texts), values, document)
