"""Plain-text files: a file is a document."""

from collections.abc import Iterator, Sequence

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.rows import QuarantinedRow, RawRow
from alignment_dagster.corpus.whole_files import BREAK, part_of_file, read_whole
from alignment_dagster.study import TextReader


def read_text(_reader: TextReader, files: Sequence[Readable]) -> Iterator[RawRow | QuarantinedRow]:
    """Each file's text, without line ends around it; a file of white space is no document.

    Raises:
        DataError: names the file that is no text or a broken archive.
    """
    for file in files:
        text = read_whole(file)
        if isinstance(text, QuarantinedRow):
            yield text
        elif text.strip():
            begins = text.lstrip("\r\n")
            above = BREAK.findall(text[: len(text) - len(begins)])
            yield from part_of_file(file, begins, 1 + len(above))
