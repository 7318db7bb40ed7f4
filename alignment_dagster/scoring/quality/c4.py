"""`c4`: the rules of C4: how a page's lines end, how many are kept, and what no page may hold.

Source: Raffel et al., Exploring the Limits of Transfer Learning (T5), arXiv 1910.10683, section
2.2, in the order of the code that was published with it. A line is kept that has no word of over
1,000 characters, ends in a terminal punctuation mark and no ellipsis, has three words, and speaks
neither of Javascript nor of policies; citations (`[12]`) are no part of it. A page is dropped
there with fewer than 5 `sentences` in the lines kept, with `lorem_ipsum`, or with a
`curly_bracket`: both are looked for where a line ends well and has three words. The other columns
are shares of all lines; C4 also dropped pages by a list of bad words, which is no heuristic.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.foundation.freed_memory import keep_freed_memory
from alignment_dagster.scoring.quality.lines import Lines, split_lines
from alignment_dagster.scoring.quality.utf8 import KEPT, Flags, Integers, Utf8, as_utf8
from alignment_dagster.scoring.quality.words import (
    WHITE,
    as_array,
    as_flags,
    as_integers,
    count_by_text,
    flatten,
    sum_by_text,
)
from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext, no_inputs

LONGEST_WORD = 1000
BLOCK = LONGEST_WORD // 2
ENOUGH_WORDS = f"[^{WHITE}][{WHITE}]+[^{WHITE}]+[{WHITE}]+[^{WHITE}]"
"""Three."""
CITATION = r"\[\d*\]|\[edit\]|\[citation needed\]"
TERMINAL = r"""[.?!"']$"""
POLICY = "terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
SENTENCE_BREAK = r"""[.?!…]['"”’)\]]*\s+['"“‘(\[]*[\p{Lu}\p{N}]"""  # noqa: RUF001
"""Between two sentences of a line; no model of abbreviations is asked."""

COLUMNS = {
    "sentences": pa.int64(),
    "lorem_ipsum": pa.bool_(),
    "curly_bracket": pa.bool_(),
    "kept_lines": pa.float64(),
    "unterminated_lines": pa.float64(),
    "short_lines": pa.float64(),
    "javascript_lines": pa.float64(),
    "policy_lines": pa.float64(),
}


def _score(texts: list[str]) -> pa.Table:
    found = split_lines(as_utf8(as_array(texts)))
    trimmed = pc.utf8_trim_whitespace(found.values)
    joined = as_utf8(trimmed)
    short = pc.invert(pc.match_substring_regex(trimmed, ENOUGH_WORDS))
    cited = _has(joined, "[")
    said = pc.replace_with_mask(
        trimmed, cited, pc.replace_substring_regex(trimmed.filter(cited), CITATION, "")
    )
    ends = pc.and_(pc.match_substring_regex(said, TERMINAL), pc.invert(pc.ends_with(said, "...")))
    lines = Lines(found.texts, said, found.document)
    lower = pc.utf8_lower(said)
    named = pc.match_substring_regex(lower, f"javascript|lorem ipsum|{POLICY}")
    javascript, lorem, policy = (
        _match(lower, named, pattern) for pattern in ("javascript", "lorem ipsum", POLICY)
    )
    whole = pc.and_(ends, pc.invert(pc.or_(short, _has_long_word(trimmed, joined))))
    no_script = pc.and_(whole, pc.invert(javascript))
    kept = pc.and_(no_script, pc.invert(policy))
    return pa.table(
        {
            "sentences": _count_sentences(lines.filter(kept)),
            "lorem_ipsum": _any(lines, pc.and_(whole, lorem)),
            "curly_bracket": _any(lines, pc.and_(no_script, _has(joined, "{"))),
            "kept_lines": lines.share(kept),
            "unterminated_lines": lines.share(pc.invert(ends)),
            "short_lines": lines.share(short),
            "javascript_lines": lines.share(javascript),
            "policy_lines": lines.share(policy),
        }
    )


def _has(lines: Utf8, character: str) -> pa.Array:
    """In which lines a character of ASCII's stands."""
    return pa.array(lines.count(np.flatnonzero(lines.data == ord(character))) > 0)


def _match(lines: pa.Array, among: pa.Array, pattern: str) -> pa.Array:
    """Which lines match, of those that one fast search for all patterns has found."""
    return pc.replace_with_mask(
        among, among, pc.match_substring_regex(lines.filter(among), pattern)
    )


def _has_long_word(lines: pa.Array, joined: Utf8) -> pa.Array:
    # a long word fills one of these blocks, and nearly every block has a space
    blocks = joined.data[: len(joined.data) // BLOCK * BLOCK].reshape(-1, BLOCK)
    filled = BLOCK * np.flatnonzero(~(blocks == ord(" ")).any(axis=1))
    found = pc.and_(
        pc.greater(pc.binary_length(lines), LONGEST_WORD), pa.array(joined.count(filled) > 0)
    )
    words = pc.utf8_split_whitespace(lines.filter(found))
    line, values = flatten(words)
    long = as_flags(pc.greater(pc.utf8_length(values), LONGEST_WORD))
    flags = count_by_text(line[long], len(words)) > 0
    return pc.replace_with_mask(found, found, pa.array(flags))


def _count_sentences(lines: Lines) -> Integers:
    breaks = as_integers(pc.count_substring_regex(lines.values, SENTENCE_BREAK))
    return sum_by_text(lines.document, breaks + 1, lines.texts)


def _any(lines: Lines, flags: pa.Array) -> Flags:
    return count_by_text(lines.document[as_flags(flags)], lines.texts) > 0


def _bind(_context: ScoringContext) -> ScoreBatch:
    keep_freed_memory(KEPT)
    return _score


SCORER = Scorer("c4", "1", COLUMNS, _bind, no_inputs)
