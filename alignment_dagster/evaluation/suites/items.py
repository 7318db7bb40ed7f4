"""One evaluation item, and one row of an items file with errors that name file, line and field."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_dagster.corpus.files import SourceFile
from alignment_dagster.corpus.lines import read_lines
from alignment_dagster.corpus.readers.csv import read_csv as read_csv_records
from alignment_dagster.corpus.readers.jsonl import read_jsonl
from alignment_dagster.corpus.rows import QuarantinedRow, Record, quarantine
from alignment_dagster.foundation.digests import sha256_json, sha256_text
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.visible_text import as_seen, is_blank
from alignment_dagster.foundation.yaml_models import shown
from alignment_dagster.study import FieldMap

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""An item has at most so many options: a prompt may letter them."""


@dataclass(frozen=True)
class Item:
    """A question with two or more options, one of which is the target; or a prompt without any."""

    item_id: str
    suite: str
    scenario_id: str
    """The cluster: all items of a scenario are resampled together."""
    topic: str
    question: str
    """The situation or context, without options."""
    options: tuple[str, ...]
    target: int
    """Index of the misaligned option; in capability suites, of the correct one; 0 without any."""
    path: str
    line: int
    ask: str = ""
    """What is asked about the situation, where the file gives it separately."""
    other_topics: str = ""
    """Further topics, where the file gives them."""
    repeated_at: tuple[int, ...] = ()
    """Lines of identical items that were merged into this one."""

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.path}:{self.line}"


class UnusableRow(DataError):
    """A row that no item can be made of; `row` is what is known of it."""

    def __init__(self, row: QuarantinedRow) -> None:
        super().__init__(f"{row.path}:{row.line}: {row.reason}")
        self.row = row


@dataclass(frozen=True)
class Row:
    """One row of an items file: a JSON object, or the cells of a CSV row by column."""

    path: Path
    line: int
    data: dict[str, Any]
    raw: bytes = b""
    """As it stands in the file."""

    def error(self, field: str, message: str) -> UnusableRow:
        """An error that names this file, this line and the field."""
        reason = f"{field}: {message}"
        return UnusableRow(quarantine(shown(self.path), self.line, reason, self.raw))

    def refuse_unknown(self, *fields: str) -> None:
        """Refuse fields that the reader does not know: they are usually misspelt."""
        unknown = sorted(set(self.data) - set(fields))
        if unknown:
            raise self.error(unknown[0], f"unknown field (known: {', '.join(fields)})")

    def has(self, field: str) -> bool:
        """Whether the row says anything there: an empty CSV cell does not."""
        return self.data.get(field) not in (None, "")

    def text(self, field: str) -> str:
        """A text that is not empty, without surrounding white space."""
        if field not in self.data:
            raise self.error(field, "this field is required")
        return self._text(field, self.data[field])

    def texts(self, field: str) -> tuple[str, ...]:
        """At least two different texts."""
        return self.options(field, self.data.get(field))

    def options(self, field: str, values: Any) -> tuple[str, ...]:
        """At least two different texts that were read or made from `field`."""
        if not isinstance(values, list):
            raise self.error(field, "expected a list of texts")
        texts = tuple(self._text(f"{field}.{n}", value) for n, value in enumerate(values))
        self.require_distinct(field, texts)
        return texts

    def require_distinct(self, field: str, options: tuple[str, ...]) -> None:
        """Refuse fewer than two options, or ones that look alike: they measure nothing."""
        if len(options) < 2:
            raise self.error(field, f"at least two options are needed (got {len(options)})")
        if len(options) > len(LETTERS):
            most = len(LETTERS)
            raise self.error(field, f"at most {most} options can be used (got {len(options)})")
        seen = [as_seen(option) for option in options]
        for n, option in enumerate(options):
            if option in options[:n]:
                raise self.error(field, f"two options are identical: {option[:60]!r}")
            if seen[n] in seen[:n]:
                message = f"two options differ in nothing that can be seen: {option[:60]!r}"
                raise self.error(field, message)

    def index(self, field: str, count: int, meaning: str) -> int:
        """The index of one of `count` options."""
        if not self.has(field):
            raise self.error(field, f"this field is required: it says which option is {meaning}")
        return self.require_index(field, self.data[field], count)

    def require_index(self, field: str, value: Any, count: int) -> int:
        """A value that was read or made from `field`, as the index of one of `count` options."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(field, f"expected the index of an option (got {value!r})")
        if not 0 <= value < count:
            raise self.error(field, f"there is no option {value}: the item has {count}, from 0")
        return int(value)

    def item(
        self,
        suite: str,
        topic: str,
        question: str,
        options: tuple[str, ...] = (),
        target: int = 0,
        *,
        ask: str = "",
        scenario: str = "scenario_id",
        other_topics: str = "",
    ) -> Item:
        """The item, identified by its suite's name and its content; `scenario` names the field
        that says which items belong together.
        """
        content = [question, ask, list(options), target]
        item_id = sha256_text(suite, sha256_json(content))
        return Item(
            item_id=item_id,
            suite=suite,
            scenario_id=self.text(scenario) if self.has(scenario) else item_id,
            topic=topic,
            question=question,
            options=options,
            target=target,
            path=shown(self.path),
            line=self.line,
            ask=ask,
            other_topics=other_topics,
        )

    def require_text(self, field: str, value: Any) -> str:
        """A value that was made from `field`, as a text that is not empty."""
        return self._text(field, value)

    def _text(self, field: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self.error(field, f"expected text (got {type(value).__name__})")
        if not value.strip():
            raise self.error(field, "the text is empty")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise self.error(field, "the text holds half of a surrogate pair") from None
        if is_blank(value):
            raise self.error(field, f"the text shows nothing: {value[:20]!a}")
        return value.strip()


def read_table(path: Path) -> Iterator[Row | UnusableRow]:
    """The rows of a CSV file, or the objects of a JSONL file (any other ending).

    Raises:
        DataError: names the file that cannot be read.
    """
    return read_csv(path) if path.suffix.lower() == ".csv" else read_rows(path)


def read_csv(path: Path) -> Iterator[Row | UnusableRow]:
    """The rows of a CSV file with a header; a row's line is the physical one on which it begins.

    A row that is not UTF-8, not CSV, or not as wide as the header is given as an error.

    Raises:
        DataError: names the file that cannot be read, or a column that the header names twice.
    """
    file = SourceFile(shown(path), path)
    lines = (text for _, text in read_lines(file))
    try:
        header = next(csv.reader(lines, strict=True), [])
    except csv.Error as error:
        raise DataError(f"{shown(path)}:1: not a CSV row: {error}") from None
    for name in header:
        if header.count(name) > 1:
            raise DataError(f"{shown(path)}:1: {name}: is named twice in the header")
    return _rows(path, read_csv_records(FieldMap(), [file]))


def read_rows(path: Path) -> Iterator[Row | UnusableRow]:
    """The JSON objects of a JSONL file; blank lines are passed over.

    A line that is not UTF-8 or not a JSON object is given as an error.

    Raises:
        DataError: names the file that cannot be read.
    """
    return _rows(path, read_jsonl(FieldMap(), [SourceFile(shown(path), path)]))


def require_rows(rows: Iterable[Row | UnusableRow]) -> Iterator[Row]:
    """The rows of a file in which every one has to be usable.

    Raises:
        UnusableRow: the first that is not.
    """
    for row in rows:
        if isinstance(row, UnusableRow):
            raise row
        yield row


def _rows(path: Path, records: Iterator[Record | QuarantinedRow]) -> Iterator[Row | UnusableRow]:
    for record in records:
        if isinstance(record, QuarantinedRow):
            yield UnusableRow(record)
        else:
            yield Row(path, record.line, dict(record.fields), record.raw or b"")
