"""Where a text names a person or a secret, and the text without it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

KINDS = ("key", "email", "card", "phone", "ip_address")
"""Of two kinds that claim the same characters, the first has them."""


class Span(NamedTuple):
    """A byte range of a text in UTF-8, `end` exclusive, and what stands there."""

    start: int
    end: int
    kind: str


def resolve(text: str, found: Iterable[Span]) -> list[Span]:
    """Ranges of characters, of any order, as ranges of bytes: in order, and none overlaps."""
    chosen: list[Span] = []
    for span in sorted(found, key=lambda one: (one.start, KINDS.index(one.kind), -one.end)):
        if not chosen or span.start >= chosen[-1].end:
            chosen.append(span)
    return chosen if text.isascii() else list(_in_bytes(text, chosen))


def _in_bytes(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    read = offset = 0
    for span in spans:
        start = offset + len(text[read : span.start].encode())
        offset = start + len(text[span.start : span.end].encode())
        read = span.end
        yield Span(start, offset, span.kind)


def redact(text: str, spans: Sequence[Span]) -> str:
    """The text with each span replaced by its kind, `[EMAIL]` for one.

    Args:
        text: any text.
        spans: byte ranges in order, none of which overlaps another.

    Raises:
        ValueError: if they are not, or do not lie in the text.
    """
    content, pieces, read = text.encode(), [], 0
    for start, end, kind in spans:
        if not read <= start < end <= len(content):
            raise ValueError(f"span {start}-{end}: overlaps another, or lies outside of the text")
        pieces += [content[read:start], f"[{kind.upper()}]".encode()]
        read = end
    # bytes that are cut within a character are no text any more
    return b"".join([*pieces, content[read:]]).decode()
