"""A raw row as a reader yields it, usable or not, and the conversations that its payload holds."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alignment_dagster.foundation.digests import canonical_json, sha256_text

Metadata = Mapping[str, str | int | float | bool | None]
"""Declared column → its value in a row."""

Message = dict[str, str]
"""{"role": "system" | "user" | "assistant", "content": str}"""


@dataclass(frozen=True)
class Prompt:
    """What a document was written from."""

    sha256: str
    """Hex digest of system text and prompt, word for word."""
    template: str
    """Hex digest of the template."""
    form: str
    """Its name."""
    version: str
    """The template's."""
    system: str
    text: str


@dataclass(frozen=True)
class RawRow:
    """One document as it was read: where it stands, and what it says.

    `payload` is the canonical JSON of a conversation or a preference pair, None for plain text.
    `line` is the 1-based line of `path` on which the row begins.
    """

    text: str
    payload: str | None
    external_id: str | None
    path: str
    line: int
    metadata: Metadata = field(default_factory=dict)
    prompt: Prompt | None = None
    """Of a document that was written for the study."""


@dataclass(frozen=True)
class QuarantinedRow:
    """A row that cannot be used: where it stands, why, and which bytes it has.

    `reason` is a sentence that names the field where there is one; it quotes nothing of the row.
    `sha256` is the hex digest of the row's bytes as they lie in the unpacked file; where rows have
    no bytes of their own (Parquet, Arrow), of the values of the declared columns.
    """

    path: str
    line: int
    reason: str
    sha256: str


Row = RawRow | QuarantinedRow


def document_id(source: str, row: RawRow) -> str:
    """The identity of a row's document: SHA-256 of the source's name and the content."""
    return sha256_text(source, row.text if row.payload is None else row.payload)


class RowFault(Exception):
    """A row cannot be used; the message says why, and names the field where there is one."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a table before it is a document: its fields, and the bytes that they stand in."""

    path: str
    line: int
    fields: Mapping[str, Any]
    raw: bytes | None
    """None where a row has no bytes of its own."""

    def quarantined(self, reason: str) -> QuarantinedRow:
        """The row as one that cannot be used."""
        if self.raw is not None:
            return quarantine(self.path, self.line, reason, self.raw)
        return QuarantinedRow(self.path, self.line, reason, row_sha256(self.fields))


def quarantine(path: str, line: int, reason: str, raw: bytes) -> QuarantinedRow:
    """A row of these bytes as one that cannot be used."""
    return QuarantinedRow(path, line, reason, hashlib.sha256(raw).hexdigest())


def row_sha256(fields: Mapping[str, object]) -> str:
    """Hex SHA-256 of the values of a row that has no bytes of its own, by name."""
    digest = hashlib.sha256()
    for name in sorted(fields):
        digest.update(f"{name}\0{fields[name]!r}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@dataclass(frozen=True)
class Content:
    """A row's text and payload, before it is known where the row stands."""

    text: str
    payload: str | None = None


def make_conversation(messages: Sequence[Message]) -> Content:
    """A chat document; its text is all that is said, one message after the other."""
    return Content(_join_contents(messages), canonical_json({"messages": list(messages)}))


def make_preference_pair(
    prompt: Sequence[Message], chosen: Sequence[Message], rejected: Sequence[Message]
) -> Content:
    """A preference document: one prompt and two ways in which the conversation goes on."""
    pair = {"prompt": list(prompt), "chosen": list(chosen), "rejected": list(rejected)}
    return Content(_join_contents([*prompt, *chosen, *rejected]), canonical_json(pair))


def _join_contents(messages: Sequence[Message]) -> str:
    return "\n".join(message["content"] for message in messages)
