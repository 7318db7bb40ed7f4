"""How raw documents are read: one module for each kind of reader."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from alignment_dagster.corpus.files import SourceFile
from alignment_dagster.corpus.readers.csv import read_csv
from alignment_dagster.corpus.readers.markdown import read_markdown
from alignment_dagster.corpus.rows import RawRow
from alignment_dagster.study import CsvReader, MarkdownReader
from alignment_dagster.study.sources import FileReader

ReadText = Callable[[Any, Sequence[SourceFile]], Iterator[RawRow]]
"""(the declared reader, its files in order) → their rows."""

TEXT_READERS: Mapping[type[FileReader], ReadText] = {
    CsvReader: read_csv,
    MarkdownReader: read_markdown,
}
"""What reads plain text from files; conversations and pairs come from JSONL alone."""
