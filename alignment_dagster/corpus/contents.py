"""From a row's fields to a document: a text, a conversation, or a pair of answers.

Every table is read the same way: which fields are what, the declaration says; what they have to
hold, the source's role.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from alignment_dagster.corpus.front_matter import without_front_matter
from alignment_dagster.corpus.readers.dialogues import parse_dialogue
from alignment_dagster.corpus.rows import (
    Content,
    Message,
    Metadata,
    QuarantinedRow,
    RawRow,
    Record,
    Row,
    RowFault,
    make_conversation,
    make_preference_pair,
)
from alignment_dagster.foundation.json_objects import JsonFault, kind_of, parse_json
from alignment_dagster.study import FieldMap, Role

Fields = Mapping[str, Any]
ReadContent = Callable[[Fields], Content]
END_OF_TEXT = "<|endoftext|>"
MISSING = object()
NO_METADATA: Metadata = {}
SPEAKERS = ("system", "user", "assistant")
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
        return _preference_reader(reader)
    return _conversation_reader(reader)


def read_label(fields: Fields, name: str) -> str:
    """An identity or a label: a text or a whole number, as text.

    Raises:
        RowFault: names the field.
    """
    value = _value(fields, name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowFault(f"{name}: expected text or a whole number, got {kind_of(value)}")
    return _encodable(name, str(value))


def read_metadata(fields: Fields, reader: FieldMap) -> Metadata:
    """The values of the declared metadata columns, and the label.

    Raises:
        RowFault: names the column whose value is a list, an object or bytes.
    """
    found: dict[str, str | int | float | bool | None] = {}
    for name in reader.metadata:
        value = _find(fields, name)
        if value is MISSING or value is None:
            found[name] = None
        elif isinstance(value, str):
            found[name] = _encodable(name, value)
        elif isinstance(value, int | float):
            found[name] = value
        elif isinstance(value, date | time):
            found[name] = value.isoformat()
        elif isinstance(value, Decimal):
            found[name] = str(value)
        else:
            kind = kind_of(value) if isinstance(value, dict | list) else type(value).__name__
            raise RowFault(f"{name}: expected text, a number or a truth value, got {kind}")
    if reader.label is not None:
        found["label"] = read_label(fields, reader.label)
    return found


def _text_reader(reader: FieldMap) -> ReadContent:
    names, strip = reader.texts, reader.front_matter == "strip"

    def read(fields: Fields) -> Content:
        texts = [_string(fields, name) for name in names]
        text = texts[0] if len(texts) == 1 else "\n\n".join(filter(None, texts))
        return Content(without_front_matter(text) if strip else text)

    return read


def _conversation_reader(reader: FieldMap) -> ReadContent:
    messages, prompt, completion = reader.messages, reader.prompt, reader.completion

    def read(fields: Fields) -> Content:
        if messages is not None:
            said = _messages(messages, _value(fields, messages))
            _check_turns(messages, said)
            return make_conversation(said)
        assert prompt is not None
        assert completion is not None
        asked = _turns(fields, prompt, "user")
        answered = _turns(fields, completion, "assistant")
        _check_turns(completion, [*asked, *answered])
        return make_conversation([*asked, *answered])

    return read


def _preference_reader(reader: FieldMap) -> ReadContent:
    names = (reader.chosen or "", reader.rejected or "")

    def read(fields: Fields) -> Content:
        if reader.prompt is not None:
            prompt = _turns(fields, reader.prompt, "user")
            chosen, rejected = (_turns(fields, name, "assistant") for name in names)
            return _pair(prompt, chosen, rejected, names)
        values = [_value(fields, name) for name in names]
        one, two = (
            _messages(name, value)
            if isinstance(value, list)
            else parse_dialogue(_string(fields, name), name)
            for name, value in zip(names, values, strict=True)
        )
        # What both begin with is the prompt; the last turn is never a part of it.
        longest = min(len(one), len(two)) - 1
        common = next((index for index in range(longest) if one[index] != two[index]), longest)
        if common == 0:
            raise RowFault(f"{names[0]} and {names[1]} have no common prompt")
        return _pair(one[:common], one[common:], two[common:], names)

    return read


def _pair(
    prompt: list[Message], chosen: list[Message], rejected: list[Message], names: tuple[str, str]
) -> Content:
    for name, turns in zip(names, (chosen, rejected), strict=True):
        if turns[0]["role"] != "assistant":
            message = "an Assistant turn must follow what both dialogues have in common"
            raise RowFault(f"{name}: {message}")
    if chosen == rejected:
        message = "the answers are the same: nothing can be learned from such a pair"
        raise RowFault(f"{names[0]} and {names[1]}: {message}")
    return make_preference_pair(prompt, chosen, rejected)


def _turns(fields: Fields, name: str, speaker: str) -> list[Message]:
    """A text as one turn of the speaker, or a list of messages as it stands."""
    value = _value(fields, name)
    if isinstance(value, list):
        return _messages(name, value)
    said = _string(fields, name).strip()
    if speaker == "assistant":
        said = said.removesuffix(END_OF_TEXT).strip()
    return [{"role": speaker, "content": said}]


def _messages(name: str, value: Any) -> list[Message]:
    """A conversation in the form of `{"role", "content"}`; a text is taken for its JSON."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except JsonFault as fault:
            raise RowFault(f"{name}: {fault}") from None
    if not isinstance(value, list) or not value:
        got = "an empty list" if value == [] else kind_of(value)
        raise RowFault(f"{name}: expected a list of messages, got {got}")
    return [_message(f"{name}.{n}", one, n) for n, one in enumerate(value)]


def _message(name: str, value: Any, place: int) -> Message:
    if not isinstance(value, dict):
        raise RowFault(f"{name}: expected a message (`role`, `content`), got {kind_of(value)}")
    role, content = (value.get(key) for key in ("role", "content"))
    if role not in SPEAKERS:
        raise RowFault(f"{name}.role: must be one of {', '.join(SPEAKERS)}")
    if role == "system" and place:
        raise RowFault(f"{name}.role: a system message stands first")
    if value.get("tool_calls") or not isinstance(content, str):
        got = "calls of tools" if value.get("tool_calls") else kind_of(content)
        raise RowFault(f"{name}.content: expected text, got {got}")
    return {"role": role, "content": _encodable(f"{name}.content", content).strip()}


def _check_turns(name: str, messages: list[Message]) -> None:
    """A conversation to learn from ends with what the assistant says to somebody."""
    if messages[-1]["role"] != "assistant":
        raise RowFault(f"{name}: the last message must be the assistant's")
    if all(message["role"] != "user" for message in messages):
        raise RowFault(f"{name}: no message is the user's")


def _value(fields: Fields, name: str) -> Any:
    value = _find(fields, name)
    if value is MISSING:
        raise RowFault(f"{name}: this field is missing")
    return value


def _find(fields: Fields, name: str) -> Any:
    """The field of that name, or what a dotted path leads to."""
    if name in fields:
        return fields[name]
    found: Any = fields
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return MISSING
        found = found[part]
    return found


def _string(fields: Fields, name: str) -> str:
    value = _value(fields, name)
    if not isinstance(value, str):
        raise RowFault(f"{name}: expected text, got {kind_of(value)}")
    return _encodable(name, value)


def _encodable(name: str, value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        code = f"\\u{ord(value[error.start]):04x}"
        raise RowFault(f"{name}: a lone surrogate ({code}) is not a character") from None
    return value
