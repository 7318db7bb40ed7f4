"""Markdown files: one document for each section; what a heading is, CommonMark says."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.front_matter import front_matter_lines
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow
from alignment_dagster.corpus.whole_files import part_of_file, read_whole
from alignment_dagster.study import MarkdownReader

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
BLOCKS = MarkdownIt("commonmark").disable("inline")


def read_markdown(
    reader: MarkdownReader, files: Sequence[Readable]
) -> Iterator[RawRow | QuarantinedRow]:
    """A document begins at every heading of the given level or above it.

    What stands before the first heading is a document too, front matter as well. A heading without
    a text of its own belongs to the section that follows it. What looks like a heading in code, in
    a comment, in a quotation or in a list is text. Without a level a file is one document.

    Raises:
        DataError: names the file that is no text or a broken archive.
    """
    for file in files:
        text = read_whole(file)
        if isinstance(text, QuarantinedRow):
            yield text
        else:
            yield from _sections(reader.heading_level or 0, text, file)


def _sections(level: int, text: str, file: Readable) -> Iterator[RawRow | QuarantinedRow]:
    written = LINE.findall(text)
    headings = _headings(written, level) if level else {}
    lines: list[str] = []
    start, title, has_body, heading_ends = 1, None, False, 0
    for number, line in enumerate(written):
        if number in headings:
            if has_body:
                yield from part_of_file(file, "".join(lines), start, title)
                lines, has_body = [], False
            heading_ends, title = headings[number]
        elif number >= heading_ends and line.strip():
            has_body = True
        if lines or line.strip():
            start = start if lines else number + 1
            lines.append(line)
    if lines:
        yield from part_of_file(file, "".join(lines), start, title)


def _headings(written: list[str], level: int) -> dict[int, tuple[int, str]]:
    """The line (from 0) of each heading of the level or above → the line after it, its title."""
    taken = front_matter_lines([line.rstrip("\r\n") for line in written])
    tokens = BLOCKS.parse("\n" * taken + "".join(written[taken:]))
    found = {}
    for heading, title in pairwise(tokens):
        outermost = heading.type == "heading_open" and heading.level == 0
        if outermost and heading.map and int(heading.tag[1:]) <= level and title.content.strip():
            found[heading.map[0]] = (heading.map[1], title.content.strip())
    return found
