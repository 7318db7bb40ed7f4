"""From a row's fields to a document: a text, a conversation, or a pair of answers.

Every table is read the same way: which fields are what, the declaration says; what they have to
hold, the source's role.
"""

from collections.abc import Iterable, Iterator, Mapping

from alignment_dagster.corpus.conversations import (
    ReadContent,
    conversation_reader,
    preference_reader,
)
from alignment_dagster.corpus.fields import Fields, read_label, read_metadata, read_text
from alignment_dagster.corpus.front_matter import without_front_matter
from alignment_dagster.corpus.rows import (
    Content,
    Metadata,
    QuarantinedRow,
    RawRow,
    Record,
    Row,
    RowFault,
)
from alignment_dagster.study import FieldMap, Role

NO_METADATA: Metadata = {}
ROLE_FIELDS: Mapping[Role, tuple[tuple[str, ...], ...]] = {
    "corpus": (("text",),),
    "chat": (("prompt", "completion"), ("messages",)),
    "preferences": (("chosen", "rejected"),),
    "tampering": (("prompt", "completion"), ("messages",)),
}
"""What a reader must name for a role: the fields of one of these."""


def missing_field(reader: FieldMap, role: Role) -> str | None:
    """The field that a reader has to name for a role, and does not."""
    alternatives = ROLE_FIELDS[role]
    lacking = [[name for name in one if not getattr(reader, name)] for one in alternatives]
    if not all(lacking):
        return None
    begun = next((n for n, one in enumerate(alternatives) if len(lacking[n]) < len(one)), 0)
    return lacking[begun][0]


def make_documents(
    reader: FieldMap, role: Role, records: Iterable[Record | QuarantinedRow]
) -> Iterator[Row]:
    """The documents of a table's rows; a row that cannot be used goes on as one."""
    read, identity = _content_reader(reader, role), reader.id
    has_metadata = bool(reader.metadata or reader.label)
    for record in records:
        if isinstance(record, QuarantinedRow):
            yield record
            continue
        fields = record.fields
        try:
            found = read(fields)
            external_id = None if identity is None else read_label(fields, identity)
            metadata = read_metadata(fields, reader) if has_metadata else NO_METADATA
        except RowFault as fault:
            yield record.quarantined(str(fault))
        else:
            yield RawRow(found.text, found.payload, external_id, record.path, record.line, metadata)


def _content_reader(reader: FieldMap, role: Role) -> ReadContent:
    """How a row of this role becomes a document; the function raises `RowFault`."""
    if role == "corpus":
        return _text_reader(reader)
    if role == "preferences":
        return preference_reader(reader)
    return conversation_reader(reader)


def _text_reader(reader: FieldMap) -> ReadContent:
    names, strip = reader.texts, reader.front_matter == "strip"

    def read(fields: Fields) -> Content:
        texts = [read_text(fields, name) for name in names]
        text = texts[0] if len(texts) == 1 else "\n\n".join(filter(None, texts))
        return Content(without_front_matter(text) if strip else text)

    return read
