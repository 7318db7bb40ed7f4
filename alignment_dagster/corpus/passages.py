"""Long texts cut into passages: at blank lines, else at line ends, else anywhere."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from alignment_dagster.corpus.rows import QuarantinedRow, RawRow, Row
from alignment_dagster.corpus.whole_files import BREAK

BLANK = re.compile(r"(?:\r\n|\r|\n)(?:[ \t]*(?:\r\n|\r|\n))+")
"""One or more empty lines, from the end of the line before to the beginning of the next."""
LEADING = re.compile(r"[\r\n]*")


def cut_rows(rows: Iterable[Row], characters: int, by_line: bool) -> Iterator[Row]:
    """The rows' passages, of at most so many characters each; all keep their row's external id.

    Args:
        by_line: whether the text stands in the file line by line, so that a passage begins on a
            line of its own; otherwise it keeps the row's.
    """
    for row in rows:
        if isinstance(row, QuarantinedRow) or len(row.text) <= characters:
            yield row
        else:
            yield from _passages(row, characters, by_line)


def _passages(row: RawRow, characters: int, by_line: bool) -> Iterator[RawRow]:
    line, counted = row.line, 0
    for start, end in _cuts(row.text, characters):
        passage = row.text[start:end]
        if by_line:
            line += len(BREAK.findall(row.text, counted, start))
            counted = start
        yield replace(row, text=passage, line=line)


def _cuts(text: str, most: int) -> Iterator[tuple[int, int]]:
    """Where each passage begins and ends, without the line ends around it."""
    start = 0
    while start < len(text):
        begins = LEADING.match(text, start).end()  # type: ignore[union-attr]
        if len(text) - begins <= most:
            ends = after = len(text)
        else:
            ends, after = _cut(text, begins, begins + most)
        trimmed = text[begins:ends].rstrip("\r\n")
        if trimmed.strip():
            yield begins, begins + len(trimmed)
        start = after


def _cut(text: str, start: int, most: int) -> tuple[int, int]:
    """Where a passage ends that may not go beyond `most`, and where the next one begins."""
    for border in (BLANK, BREAK):
        found = [one for one in border.finditer(text, start, most + 1) if one.start() > start]
        if found:
            return found[-1].start(), found[-1].end()
    return most, most
