"""The bytes of a source's file as a stream, unpacked where its name says that it is packed.

What is unpacked is bounded: a small hostile archive fills neither the memory, since a chunk is
read at a time, nor a night, since no text packs 250 times.
"""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from alignment_dagster.corpus.files import Readable, unreadable
from alignment_dagster.foundation.digests import CHUNK
from alignment_dagster.foundation.errors import DataError

LARGEST_RATIO = 250
"""Bytes that one packed byte may stand for; books pack 3 to 5 times, tables up to 50."""
ALWAYS_UNPACKED = 64 * 2**20
"""Bytes that a file may give whatever its ratio."""
FORMATS = {
    b"PAR1\x15": "a Parquet file",
    b"ARROW1\x00\x00": "an Arrow file",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "compressed by gzip",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard",
    b"\xfd7zXZ\x00": "compressed by xz",
    b"\x04\x22\x4d\x18": "compressed by LZ4",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"SQLite format 3\x00": "an SQLite database",
}
"""How files begin that people take for text."""
BZIP2 = re.compile(rb"BZh[1-9]1AY&SY")
TEXT = "text (UTF-8) is read, plain or compressed (gzip in a .gz file, Zstandard in a .zst file)"


class Unpacked(io.RawIOBase):
    """A file's unpacked bytes, read once from the beginning.

    Every fault is a DataError that names the file: one that cannot be read, a broken archive, one
    that unpacks to more than `LARGEST_RATIO` times its size.
    """

    def __init__(self, file: Readable, packed: BinaryIO) -> None:
        self._file = file
        self._most, self._given = 0, 0
        ending = file.name.lower().rpartition(".")[2]
        self._packing = {"gz": "gzip", "zst": "Zstandard"}.get(ending)
        self._inner: Any = packed
        if self._packing:
            self._most = max(ALWAYS_UNPACKED, LARGEST_RATIO * file.size())
        if self._packing == "gzip":
            self._inner = gzip.GzipFile(fileobj=packed)
        elif self._packing == "Zstandard":
            # Imported here for its weight.
            import pyarrow as pa

            self._inner = pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")
        elif not hasattr(packed, "read1"):
            self._inner = io.BufferedReader(packed, CHUNK)

    def read1(self, size: int = CHUNK) -> bytes:
        """The next bytes, as many as come at once and `size` at most; none at the end."""
        try:
            found = bytes(self._inner.read1(size))
        except EOFError:
            raise DataError(f"{self._file.name}: the gzip archive is truncated") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{self._file.name}: not a sound gzip archive: {error}") from None
        except OSError as error:
            if self._packing == "Zstandard" and error.errno is None:
                message = f"not a sound Zstandard archive: {error}"
                raise DataError(f"{self._file.name}: {message}") from None
            raise unreadable(self._file, error) from None
        self._given += len(found)
        if self._packing and self._given > self._most:
            message = f"unpacks to more than {self._most:,} bytes, {LARGEST_RATIO} times its size"
            raise DataError(f"{self._file.name}: {message}: this is not what texts do")
        return found

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self.read1(len(buffer))
        buffer[: len(found)] = found
        return len(found)


@contextmanager
def unpack(file: Readable) -> Iterator[Unpacked]:
    """The file's bytes, unpacked.

    Raises:
        DataError: if the file cannot be opened.
    """
    try:
        packed = file.open()
        stream = Unpacked(file, packed)
    except OSError as error:
        raise unreadable(file, error) from None
    try:
        yield stream
    finally:
        packed.close()


def refuse_other_formats(beginning: bytes, file: Readable) -> None:
    """Say what a file is that is taken for text and is none.

    Raises:
        DataError: names the file and its format.
    """
    found = next((what for mark, what in FORMATS.items() if beginning.startswith(mark)), None)
    if BZIP2.match(beginning):
        found = "compressed by bzip2"
    if found:
        raise DataError(f"{file.name}: is {found}: {TEXT}")


def buffered(stream: Unpacked) -> BinaryIO:
    """The stream as a file object that other libraries read from."""
    return cast(BinaryIO, io.BufferedReader(stream, CHUNK))
