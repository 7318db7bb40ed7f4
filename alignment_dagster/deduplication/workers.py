"""Digests by several processes; which of them writes a part changes nothing.

A worker is `python -m alignment_dagster.deduplication.workers`: a part a line on its standard
input, a line back for each that is done. It ends with its input, so with whoever started it.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue

from alignment_dagster.deduplication.digests import Part, write_digests
from alignment_dagster.foundation.errors import AlignmentError

WORTH_WORKERS = 4096
"""Documents; for fewer, starting processes takes longer than it saves."""

Progress = Callable[[int, int], None]
Worker = subprocess.Popen[str]


def digest_parts(
    parts: Sequence[Part],
    size: int,
    folder: Path,
    workers: int,
    progress: Progress = lambda _done, _total: None,
) -> list[Path]:
    """The file of digests of each part; what is there already is not made again.

    Args:
        size: words of a shingle.
        progress: told of documents done, and of all.

    Raises:
        AlignmentError: if a worker ended before its work was done.
    """
    paths = [folder / part.name(size) for part in parts]
    named = dict(zip(paths, parts, strict=True))
    missing = [part for path, part in named.items() if not path.exists()]
    total = sum(part.documents for part in named.values())
    done = total - sum(part.documents for part in missing)
    progress(done, total)
    few = workers < 2 or len(missing) < 2 or total - done < WORTH_WORKERS
    for part in _here(missing, size, folder) if few else _apart(missing, size, folder, workers):
        done += part.documents
        progress(done, total)
    return paths


def _here(parts: Sequence[Part], size: int, folder: Path) -> Iterator[Part]:
    for part in parts:
        write_digests(part, size, folder)
        yield part


def _apart(parts: Sequence[Part], size: int, folder: Path, workers: int) -> Iterator[Part]:
    with ExitStack() as ended:
        threads = ended.enter_context(ThreadPoolExecutor(workers))
        free: SimpleQueue[Worker] = SimpleQueue()
        for _ in range(min(workers, len(parts))):
            process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
            ended.enter_context(process)
            ended.callback(process.kill)
            free.put(process)
        waiting = {threads.submit(_ask, free, part, size, folder): part for part in parts}
        ended.callback(threads.shutdown, wait=False, cancel_futures=True)
        for finished in as_completed(waiting):
            finished.result()
            yield waiting[finished]


def _ask(free: "SimpleQueue[Worker]", part: Part, size: int, folder: Path) -> None:
    process = free.get()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {**asdict(part), "path": str(part.path), "size": size, "folder": str(folder)}
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        answered = process.stdout.readline()
    except OSError:
        answered = ""
    finally:
        free.put(process)
    if not answered:
        raise AlignmentError(
            f"{part.path}: the process that computed its shingles ended; run it again"
        )


def main() -> None:
    """Write the digests of each part that is asked for."""
    for line in sys.stdin:
        asked = json.loads(line)
        size, folder = asked.pop("size"), Path(asked.pop("folder"))
        write_digests(Part(**{**asked, "path": Path(asked["path"])}), size, folder)
        print("done", flush=True)


if __name__ == "__main__":
    main()
