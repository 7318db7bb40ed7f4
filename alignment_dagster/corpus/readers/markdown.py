"""Markdown files: one document for each section."""

import re
from collections.abc import Iterator, Sequence

from alignment_dagster.corpus.files import SourceFile, read_lines
from alignment_dagster.corpus.rows import RawRow
from alignment_dagster.study import MarkdownReader

HEADING = re.compile(r" {0,3}(#{1,6})\s+(?P<title>\S.*?)\s*$")
FENCE = re.compile(r" *(`{3,}|~{3,})")


def read_markdown(reader: MarkdownReader, files: Sequence[SourceFile]) -> Iterator[RawRow]:
    """A document begins at every heading of the given level or above it.

    What stands before the first heading is a document too. A heading without a text of its own
    belongs to the section that follows it. Headings in fenced code are text.
    """
    for file in files:
        yield from _sections(reader.heading_level, file)


def _sections(level: int, file: SourceFile) -> Iterator[RawRow]:
    lines: list[str] = []
    start, title, has_body, fence = 1, None, False, ""
    for number, line in read_lines(file):
        heading = None if fence else _heading(line, level)
        fence = _fence_after(line, fence)
        if heading and has_body:
            yield _row(lines, title, file, start)
            lines, has_body = [], False
        if heading and not lines:
            start = number
        if heading:
            title = heading
        elif line.strip():
            has_body = True
        if lines or line.strip():
            start = start if lines else number
            lines.append(line)
    if lines:
        yield _row(lines, title, file, start)


def _row(lines: list[str], title: str | None, file: SourceFile, start: int) -> RawRow:
    return RawRow("".join(lines).strip("\r\n"), None, title, file.name, start)


def _heading(line: str, level: int) -> str | None:
    """The heading's title, where the line is a heading at which a document begins."""
    match = HEADING.match(line)
    if match is None or len(match[1]) > level:
        return None
    return match["title"]


def _fence_after(line: str, fence: str) -> str:
    """The fence that is open after this line; empty where the text is not fenced code."""
    match = FENCE.match(line)
    if match is None:
        return fence
    if not fence:
        return match[1]
    closes = match[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence
