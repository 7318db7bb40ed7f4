"""`gopher`: the document rules of Gopher: length, symbols, bullets, stop words, repetition.

Source: Rae et al., Scaling Language Models: Methods, Analysis & Insights from Training Gopher,
arXiv 2112.11446, appendix A.1.1 (quality filtering; repetition removal, table A1). A document is
dropped there with fewer than 50 or more than 100,000 `words`, a `mean_word_length` outside of 3 to
10, a `hash_ratio` or `ellipsis_ratio` above 0.1, `bullet_lines` above 0.9, `ellipsis_lines` above
0.3, `alphabetic_words` below 0.8, fewer than 2 `stop_words`; or above 0.30 of `duplicate_lines` and
`duplicate_paragraphs`, 0.20 of their characters, 0.20, 0.18, 0.16 of `top_2_gram` to `top_4_gram`,
0.15, 0.14, … 0.10 of `duplicate_5_grams` to `duplicate_10_grams`.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.foundation.freed_memory import keep_freed_memory
from alignment_dagster.scoring.quality.lines import (
    Lines,
    split_at_newlines,
    split_lines,
    split_paragraphs,
)
from alignment_dagster.scoring.quality.repetition import (
    DUPLICATE,
    TOP,
    characters_in_duplicates,
    characters_in_top,
    repeated_n_grams,
)
from alignment_dagster.scoring.quality.utf8 import KEPT, Integers, Utf8, as_utf8, runs
from alignment_dagster.scoring.quality.words import (
    EIGHT,
    Words,
    as_array,
    as_eight,
    as_flags,
    as_integers,
    share,
    split_words,
    sum_by_text,
)
from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext, no_inputs

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
SYMBOLS = r"[\x00-\x1f!-/:-@\[-`{-\x9f«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～]"  # noqa: RUF001
"""A word of these alone is none. CCNet's list (Wenzek et al., arXiv 1911.00359) with the control
characters; the paper does not say."""

STOPS, SYMBOL, NO_LETTER = np.array([0xFF, 1 << 8, 1 << 9], dtype=np.uint16)
"""What a word is: the bits of stop words, of symbols alone, without a letter."""
LETTERS = np.array([chr(byte).isalpha() and byte < 0x80 for byte in range(256)])

COLUMNS = {
    "words": pa.int64(),
    "mean_word_length": pa.float64(),
    "hash_ratio": pa.float64(),
    "ellipsis_ratio": pa.float64(),
    "bullet_lines": pa.float64(),
    "ellipsis_lines": pa.float64(),
    "alphabetic_words": pa.float64(),
    "stop_words": pa.int64(),
    "duplicate_lines": pa.float64(),
    "duplicate_line_characters": pa.float64(),
    "duplicate_paragraphs": pa.float64(),
    "duplicate_paragraph_characters": pa.float64(),
    **{f"top_{n}_gram": pa.float64() for n in TOP},
    **{f"duplicate_{n}_grams": pa.float64() for n in DUPLICATE},
}
Columns = dict[str, npt.NDArray[np.generic]]


def _score(texts: list[str]) -> pa.Table:
    array = as_array(texts)
    joined = as_utf8(array)
    words = split_words(joined)
    characters = as_integers(pc.utf8_length(array))
    return pa.table(
        {
            **_of_words(words, joined, texts),
            **_of_lines(split_lines(joined)),
            **_of_repeated_lines(array, joined, characters),
            **_of_n_grams(words, characters),
        }
    )


def _of_words(words: Words, joined: Utf8, texts: list[str]) -> Columns:
    """`words` and their mean length are of those that are no symbols, the ratios of all."""
    flags = _flag_words(words)[words.numbers]
    symbols, others = (np.flatnonzero(flags & flag) for flag in (SYMBOL, NO_LETTER))
    counted = words.counts - words.count(symbols)
    characters = words.characters - sum_by_text(
        words.document[symbols], words.lengths(symbols), words.texts
    )
    stops = np.zeros(words.texts, dtype=flags.dtype)
    filled = words.counts > 0
    stops[filled] = np.bitwise_or.reduceat(flags & STOPS, words.bounds[:-1][filled])
    hashes, dots = (np.flatnonzero(joined.data == ord(one)) for one in "#.")
    begins, ends = runs(dots)
    ellipses = joined.count(np.repeat(begins, (ends - begins) // 3))
    ellipses += np.array([text.count("…") for text in texts], dtype=np.int64)
    return {
        "words": counted,
        "mean_word_length": share(characters, counted),
        "hash_ratio": share(joined.count(hashes), words.counts),
        "ellipsis_ratio": share(ellipses, words.counts),
        "alphabetic_words": share(words.counts - words.count(others), words.counts),
        "stop_words": np.bitwise_count(stops).astype(np.int64),
    }


def _flag_words(words: Words) -> npt.NDArray[np.uint16]:
    """(distinct,) What each different word is: `SYMBOL`, `NO_LETTER`, a bit for a stop word."""
    flags = np.zeros(words.distinct, dtype=np.uint16)
    place = np.zeros(words.distinct, dtype=np.int64)
    place[words.numbers] = np.arange(len(words.numbers))
    eights = words.eights[place]
    for bit, word in enumerate(STOP_WORDS):
        flags[eights == as_eight(word)] = 1 << bit
    # most words begin with letters of ASCII's, which is quickly seen: patterns are for the others
    plain = LETTERS[eights.view(np.uint8).reshape(-1, EIGHT)].any(axis=1)
    others = np.flatnonzero(~plain)
    values = words.take(place[others])
    flags[others] |= SYMBOL * as_flags(pc.match_substring_regex(values, f"^{SYMBOLS}+$"))
    flags[others] |= NO_LETTER * ~as_flags(pc.match_substring_regex(values, r"\pL"))
    return flags


def _of_lines(lines: Lines) -> Columns:
    begins = pc.utf8_ltrim_whitespace(lines.values)
    ends = pc.utf8_rtrim_whitespace(lines.values)
    return {
        "bullet_lines": lines.share(
            pc.or_(pc.starts_with(begins, "•"), pc.starts_with(begins, "-"))
        ),
        "ellipsis_lines": lines.share(pc.or_(pc.ends_with(ends, "..."), pc.ends_with(ends, "…"))),
    }


def _of_repeated_lines(array: pa.Array, joined: Utf8, characters: Integers) -> Columns:
    """Empty lines are none, but for those at the ends of a text."""
    lines = split_at_newlines(joined)
    filled = lines.filter(pc.not_equal(lines.values, ""))
    repeated, repeated_characters = filled.repeated()
    first = as_flags(pc.starts_with(array, "\n")) | (characters == 0)
    last = as_flags(pc.ends_with(array, "\n"))
    paragraphs = split_paragraphs(array)
    again, again_characters = paragraphs.repeated()
    return {
        "duplicate_lines": share(repeated + (first & last), filled.counts + first + last),
        "duplicate_line_characters": share(repeated_characters, characters),
        "duplicate_paragraphs": share(again, paragraphs.counts),
        "duplicate_paragraph_characters": share(again_characters, characters),
    }


def _of_n_grams(words: Words, characters: Integers) -> Columns:
    found: Columns = {}
    for repeated in repeated_n_grams(words):
        if repeated.n in TOP:
            of_top = characters_in_top(words, repeated)
            found[f"top_{repeated.n}_gram"] = share(of_top, characters)
        else:
            again = characters_in_duplicates(words, repeated)
            found[f"duplicate_{repeated.n}_grams"] = share(again, characters)
    return found


def _bind(_context: ScoringContext) -> ScoreBatch:
    keep_freed_memory(KEPT)
    return lambda texts: _score(texts).select(list(COLUMNS))


SCORER = Scorer("gopher", "1", COLUMNS, _bind, no_inputs)
