"""The content of a record of a web archive, without HTTP's encodings, a bounded piece at a time."""

import zlib
from collections.abc import Iterator
from typing import Any, Protocol

from alignment_dagster.corpus.rows import RowFault
from alignment_dagster.foundation.digests import CHUNK

PACKED = 16 * 2**10
"""Bytes that are unpacked at a time."""
GZIP = b"\x1f\x8b"
NAMED = 20
"""Characters of an encoding's name that are shown."""


class _Stream(Protocol):
    def read(self, size: int) -> bytes: ...


def read_body(record: Any) -> Iterator[bytes]:
    """The bytes of a record's content, `CHUNK` of them at most at a time.

    A body that is no gzip archive although its header says so was unpacked by the crawler.

    Raises:
        RowFault: if it has another encoding than gzip and deflate, or is damaged or cut off.
    """
    # Imported here for its weight.
    from warcio.bufferedreaders import ChunkedDataReader

    stream = record.raw_stream
    if _header(record, "Transfer-Encoding") == "chunked":
        stream = ChunkedDataReader(stream)
    encoding = _header(record, "Content-Encoding")
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise RowFault(f"its HTTP encoding {encoding[:NAMED]!r} is not read")
    first = stream.read(PACKED)
    bits = _window_bits(encoding, first)
    if bits is None:
        yield first
        while chunk := stream.read(CHUNK):
            yield chunk
        return
    try:
        yield from _inflate(first, stream, bits)
    except zlib.error:
        raise RowFault(f"its HTTP encoding {encoding!r} is damaged") from None


def _window_bits(encoding: str, first: bytes) -> int | None:
    """How zlib is told of the format; None where there is nothing to unpack."""
    if encoding in ("", "identity") or not first:
        return None
    if encoding != "deflate":
        return 16 + zlib.MAX_WBITS if first.startswith(GZIP) else None
    # RFC 9110 means zlib's format by deflate; many servers send it without zlib's header
    has_header = first[0] & 15 == zlib.DEFLATED and int.from_bytes(first[:2]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


def _inflate(packed: bytes, stream: _Stream, bits: int) -> Iterator[bytes]:
    decoder = zlib.decompressobj(bits)
    while packed or (packed := stream.read(PACKED)):
        if decoder.eof:
            if not packed.startswith(GZIP):
                return
            decoder = zlib.decompressobj(bits)
        if found := decoder.decompress(packed, CHUNK):
            yield found
        packed = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    # what stops at the bound may have taken all that came in
    while not decoder.eof and (found := decoder.decompress(b"", CHUNK)):
        yield found
    if not decoder.eof:
        raise RowFault("its HTTP body is cut off")


def _header(record: Any, name: str) -> str:
    headers = record.http_headers
    return str(headers.get_header(name) or "").strip().lower() if headers else ""
