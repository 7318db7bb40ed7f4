"""The digests of all parts of a corpus, by whichever engine; which of them runs changes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.deduplication.digests import Part, write_digests
from alignment_dagster.engines.tasks import run_tasks

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class DigestTask:
    """A part, the words of a shingle, and where its digests go."""

    part: Part
    size: int
    folder: Path


def write_part(task: DigestTask) -> int:
    """Write a part's digests; the number of its documents."""
    write_digests(task.part, task.size, task.folder)
    return task.part.documents


def digest_parts(
    parts: Sequence[Part],
    size: int,
    folder: Path,
    poll: Callable[[], None] = lambda: None,
    progress: Progress = lambda _done, _total: None,
) -> list[Path]:
    """The file of digests of each part; what is there already is not made again.

    Args:
        size: words of a shingle.
        poll: as of `run_tasks`.
        progress: told of documents done, and of all.

    Raises:
        AlignmentError: if what computed a part ended before its work was done.
    """
    paths = [folder / part.name(size) for part in parts]
    named = dict(zip(paths, parts, strict=True))
    tasks = [DigestTask(part, size, folder) for path, part in named.items() if not path.exists()]
    total = sum(part.documents for part in named.values())
    missing = sum(task.part.documents for task in tasks)
    done = total - missing
    progress(done, total)
    for documents in run_tasks(write_part, tasks, poll, documents=missing):
        done += documents
        progress(done, total)
    return paths
