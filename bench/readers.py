"""How fast sources are read: `python bench/readers.py [BOOKS]`.

BOOKS is a folder with book passages (`books-*.jsonl.gz`: `id`, `text`, `author`); without it
200,000 short rows are made. Each format holds the same rows, and every reading must give all of
them with the same ids; exit code 1 where one does not, or is slower than its floor. MB are of text,
by processor seconds; memory is what reading added to the process.
"""

import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignment_dagster.corpus.rows import RawRow, document_id
from alignment_dagster.corpus.sources import read_source
from alignment_dagster.study import Source

FLOOR = 30.0
"""MB/s of text that every format must reach, on a machine that does other work as well."""
MADE = 200_000
"""Rows, where no books are named."""
BATCH = 20_000
READERS: dict[str, dict[str, Any]] = {
    "rows.jsonl": {"kind": "jsonl", "text": "text"},
    "rows.jsonl.gz": {"kind": "jsonl", "text": "text"},
    "rows.jsonl.zst": {"kind": "jsonl", "text": "text"},
    "rows.parquet": {"kind": "parquet", "text": "text"},
    "rows.arrow": {"kind": "arrow", "text": "text"},
}


def rows(books: Path | None) -> Iterator[dict[str, str]]:
    """Of the books, or made up."""
    if books is None:
        words = [hashlib.sha256(b"%d" % n).hexdigest()[: n % 9 + 2] for n in range(5000)]
        for number in range(MADE):
            text = " ".join(words[(number * 31 + at * at) % 5000] for at in range(110))
            yield {"id": f"r{number}", "text": text, "author": "nobody"}
        return
    for path in sorted(books.glob("books-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def write(folder: Path, found: list[dict[str, str]]) -> None:
    """The rows in every format."""
    content = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in found)
    (folder / "rows.jsonl").write_bytes(content)
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(content, 6, mtime=0))
    (folder / "rows.jsonl.zst").write_bytes(pa.Codec("zstd").compress(content, asbytes=True))
    table = pa.Table.from_pylist(found)
    pq.write_table(table, folder / "rows.parquet", compression="zstd", row_group_size=BATCH)
    with pa.ipc.new_file(folder / "rows.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=BATCH)


def declared(name: str) -> Source:
    """The file as a source; ids do not depend on the format."""
    reader = {**READERS[name], "path": name, "id": "id", "metadata": ["author"]}
    return Source.model_validate(
        {
            "name": "books",
            "description": "For measuring.",
            "licence": "CC0-1.0",
            "role": "corpus",
            "group": "natural",
            "reader": reader,
        }
    )


def read(folder: Path, name: str) -> dict[str, Any]:
    """What one process makes of a file: rows, text, seconds, and what reading added in memory."""
    source = declared(name)
    next(read_source(source, folder))
    before = _peak()
    start = time.process_time()
    count = size = 0
    for row in read_source(source, folder):
        assert isinstance(row, RawRow)
        count += 1
        size += len(row.text)
    seconds = time.process_time() - start
    added = _peak() - before
    digest = hashlib.sha256()
    for row in read_source(source, folder):
        assert isinstance(row, RawRow)
        digest.update(document_id("books", row).encode())
    ids = digest.hexdigest()
    return {"rows": count, "mb": size / 1e6, "seconds": seconds, "added": added / 1024, "ids": ids}


def _peak() -> int:
    """Of this process's memory, in KiB (Linux only)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def main(arguments: list[str]) -> int:
    """Print a line a format; each is read in a process of its own."""
    if arguments[:1] == ["--read"]:
        print(json.dumps(read(Path(arguments[1]), arguments[2])))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = list(rows(Path(arguments[0]) if arguments else None))
        write(folder, written)
        expected, wrong, ids = len(written), False, set()
        for file in READERS:
            command = [sys.executable, __file__, "--read", name, file]
            found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            speed = found["mb"] / found["seconds"]
            ids.add(found["ids"])
            wrong |= speed < FLOOR or found["rows"] != expected
            memory = f"{found['added']:5.0f} MiB more"
            print(f"{file:16} {found['rows']:9,} of {expected:,} rows  {speed:6.1f} MB/s  {memory}")
    print(f"ids {'are the same in all formats' if len(ids) == 1 else 'differ between formats'}")
    return int(wrong or len(ids) != 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
