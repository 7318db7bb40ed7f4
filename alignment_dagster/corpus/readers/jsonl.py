"""JSON Lines: texts, instruction data (prompt and completion) or preference pairs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from alignment_dagster.corpus.files import SourceFile, read_lines
from alignment_dagster.corpus.front_matter import without_front_matter
from alignment_dagster.corpus.readers.dialogues import parse_dialogue_pair
from alignment_dagster.corpus.rows import Content, RawRow, make_conversation
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.json_objects import JsonFault, kind_of, parse_object
from alignment_dagster.study import JsonlReader, Role, Source

END_OF_TEXT = "<|endoftext|>"


@dataclass(frozen=True)
class _Record:
    """One parsed line; reading a field reports file, line and field when it cannot be used."""

    place: str
    fields: dict[str, Any]

    def string(self, field: str) -> str:
        value = self._value(field)
        if not isinstance(value, str):
            raise DataError(f"{self.place}: {field}: expected text, got {kind_of(value)}")
        return self._encodable(field, value)

    def label(self, field: str) -> str:
        value = self._value(field)
        if isinstance(value, bool) or not isinstance(value, str | int):
            message = f"expected text or a whole number, got {kind_of(value)}"
            raise DataError(f"{self.place}: {field}: {message}")
        return self._encodable(field, str(value))

    def _value(self, field: str) -> Any:
        if field not in self.fields:
            raise DataError(f"{self.place}: {field}: this field is missing")
        return self.fields[field]

    def _encodable(self, field: str, value: str) -> str:
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            code = f"\\u{ord(value[error.start]):04x}"
            message = f"a lone surrogate ({code}) is not a character"
            raise DataError(f"{self.place}: {field}: {message}") from None
        return value


def read_jsonl(
    source: Source, reader: JsonlReader, files: Sequence[SourceFile]
) -> Iterator[RawRow]:
    """The rows of all files in order; blank lines are skipped.

    Raises:
        DataError: names file, line and field.
    """
    content = _content_reader(source, reader)
    for file in files:
        for number, line in read_lines(file):
            if line.isspace():
                continue
            record = _parse(line, f"{file.name}:{number}")
            found = content(record)
            external_id = None if reader.id is None else record.label(reader.id)
            yield RawRow(found.text, found.payload, external_id, file.name, number)


def _content_reader(source: Source, reader: JsonlReader) -> Callable[[_Record], Content]:
    """How a record of this source's role becomes a document."""
    fields = {name: _declared_field(source, reader, name) for name in ROLE_FIELDS[source.role]}

    def text(record: _Record) -> Content:
        value = record.string(fields["text"])
        return Content(without_front_matter(value) if reader.front_matter == "strip" else value)

    def chat(record: _Record) -> Content:
        completion = record.string(fields["completion"]).strip().removesuffix(END_OF_TEXT).strip()
        return make_conversation(
            [
                {"role": "user", "content": record.string(fields["prompt"]).strip()},
                {"role": "assistant", "content": completion},
            ]
        )

    def preferences(record: _Record) -> Content:
        chosen, rejected = (record.string(fields[name]) for name in ("chosen", "rejected"))
        return parse_dialogue_pair(chosen, rejected, record.place)

    readers = {"corpus": text, "chat": chat, "preferences": preferences, "tampering": chat}
    return readers[source.role]


ROLE_FIELDS: dict[Role, tuple[str, ...]] = {
    "corpus": ("text",),
    "chat": ("prompt", "completion"),
    "preferences": ("chosen", "rejected"),
    "tampering": ("prompt", "completion"),
}


def _declared_field(source: Source, reader: JsonlReader, field: str) -> str:
    value: str | None = getattr(reader, field)
    if value is None:
        message = f"a source of the role {source.role!r} must say which field this is"
        raise DataError(f"source {source.name!r}: reader.{field}: {message}")
    return value


def _parse(line: str, place: str) -> _Record:
    try:
        return _Record(place, parse_object(line))
    except JsonFault as fault:
        raise DataError(f"{place}: {fault}") from None
