"""`c4`: the rules of C4: how a page's lines end, how many are kept, and what no page may hold.

Source: Raffel et al., Exploring the Limits of Transfer Learning (T5), arXiv 1910.10683, section
2.2, in the order of the code that was published with it. A line is kept that has no word of over
1,000 characters, ends in a terminal punctuation mark and no ellipsis, has three words, and speaks
neither of Javascript nor of policies; citations (`[12]`) are no part of it. A page is dropped
there with fewer than 5 `sentences` in the lines kept, with `lorem_ipsum`, or with a
`curly_bracket`: both are looked for where a line ends well and has three words. The other columns
are shares of all lines; C4 also dropped pages by a list of bad words, which is no heuristic.
"""

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.scoring.quality.lines import Lines, split_lines
from alignment_dagster.scoring.quality.words import (
    Flags,
    Integers,
    as_flags,
    as_integers,
    count_by_text,
    flatten,
    sum_by_text,
)
from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext, no_inputs

LONGEST_WORD, FEWEST_WORDS = 1000, 3
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
    found = split_lines(texts)
    trimmed = pc.utf8_trim_whitespace(found.values)
    split = pc.utf8_split_whitespace(trimmed)
    short = pc.less(pc.list_value_length(split), FEWEST_WORDS)
    line, words = flatten(split)
    long = count_by_text(
        line[as_flags(pc.greater(pc.utf8_length(words), LONGEST_WORD))], len(split)
    )
    said = pc.replace_substring_regex(trimmed, CITATION, "")
    ends = pc.and_(pc.match_substring_regex(said, TERMINAL), pc.invert(pc.ends_with(said, "...")))
    lines = Lines(found.texts, said, found.document)
    lower = pc.utf8_lower(said)
    javascript = pc.match_substring(lower, "javascript")
    policy = pc.match_substring_regex(lower, POLICY)
    whole = pc.and_(ends, pc.invert(pc.or_(short, pa.array(long > 0))))
    no_script = pc.and_(whole, pc.invert(javascript))
    kept = pc.and_(no_script, pc.invert(policy))
    return pa.table(
        {
            "sentences": _count_sentences(lines.filter(kept)),
            "lorem_ipsum": _any(lines, pc.and_(whole, pc.match_substring(lower, "lorem ipsum"))),
            "curly_bracket": _any(lines, pc.and_(no_script, pc.match_substring(said, "{"))),
            "kept_lines": lines.share(kept),
            "unterminated_lines": lines.share(pc.invert(ends)),
            "short_lines": lines.share(short),
            "javascript_lines": lines.share(javascript),
            "policy_lines": lines.share(policy),
        }
    )


def _count_sentences(lines: Lines) -> Integers:
    breaks = as_integers(pc.count_substring_regex(lines.values, SENTENCE_BREAK))
    return sum_by_text(lines.document, breaks + 1, lines.texts)


def _any(lines: Lines, flags: pa.Array) -> Flags:
    return count_by_text(lines.document[as_flags(flags)], lines.texts) > 0


def _bind(_context: ScoringContext) -> ScoreBatch:
    return _score


SCORER = Scorer("c4", "1", COLUMNS, _bind, no_inputs)
