"""Refreshes one after the other: whether ticks, memory and store stay flat, and what 1 % costs.

    python bench/refresh.py nights 50       # a tiny study, one new document a night
    python bench/refresh.py books           # 1 % more books (ALIGNMENT_DATA)

Everything is written below a temporary folder. Times are wall seconds, sizes MB.
"""

import gzip
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import dbt.cli.main  # noqa: F401

from alignment_dagster.foundation.home import Home
from drills.warm import dbt as warm_dbt
from tests.support import tiny_study
from tests.support.nights import CRON, Nights, Ran, environment, opened

WORDS = ("bridge", "river", "lantern", "orchard", "kettle", "ladder", "violin", "harvest")
BOOKS = "books"
ADDED = (0.001, 0.01, 0.1)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of its own, and dbt imported once."""
    with tempfile.TemporaryDirectory() as name:
        warm_dbt.serve(Path(name) / "dbt.sock")
        warm_dbt.use(Path(name) / "dbt.sock")
        yield Path(name)


def megabytes(path: Path) -> float:
    """What lies below a folder."""
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) / 1e6


def nights(count: int) -> None:
    """One document more each night."""
    with folder() as place:
        study = tiny_study.create(place)
        study.change(refresh=dict(CRON))
        os.environ.update(environment(study))
        for instance in opened():
            _nights(Nights(instance), study, count)


def _nights(told: Nights, study: tiny_study.TinyStudy, count: int) -> None:
    home, process = Home.from_environment(), psutil.Process()
    path = study.data / "stories.jsonl"
    words = itertools.product(WORDS, WORDS, WORDS)
    print("night  look  quiet  whole  runs  failed  rss  lake  dagster", flush=True)
    for number in range(count + 1):
        started = time.monotonic()
        look = told.schedule()
        looked = time.monotonic() - started
        ran = told.run(look) + told.follow()
        whole = time.monotonic() - started
        quiet = _quiet(told)
        failed = sum(not one.success for one in ran)
        sizes = [process.memory_info().rss / 1e6, megabytes(home.lake), megabytes(home.dagster)]
        shown = "  ".join(f"{size:.2f}" for size in sizes)
        print(
            f"{number}  {looked:.2f}  {quiet:.2f}  {whole:.1f}  {len(ran)}  {failed}  {shown}",
            flush=True,
        )
        new = {"text": f"Ann saw the {' near the '.join(next(words))} before the rain came."}
        with path.open("a") as lines:
            lines.write(json.dumps(new) + "\n")


def _quiet(told: Nights) -> float:
    """Seconds of the ticks at rest: a look (its schedule's), and what follows."""
    started = time.monotonic()
    assert not told.sensor("follow").requests
    return time.monotonic() - started


def books() -> None:
    """The corpus of `books` to its mixes: all of it, then with more books, then unchanged."""
    with folder() as place:
        data = Path(os.environ["ALIGNMENT_DATA"])
        shutil.copytree(data, place / "data")
        os.environ |= {"ALIGNMENT_DATA": str(place / "data"), "ALIGNMENT_HOME": str(place / "home")}
        os.environ["ALIGNMENT_ASSETS"] = str(ROOT / "assets")
        for instance in opened():
            told = Nights(instance, BOOKS)
            _timed("the first refresh", told)
            _timed("a refresh of nothing", told)
            for share in ADDED:
                _add(place / "data", share)
                _timed(f"a refresh with {share:.1%} more books", told)


def _add(data: Path, share: float) -> None:
    """A new file of books: a share of the rows that there are, each with a few more words."""
    files = sorted((data / "general").glob("books-0*.jsonl.gz"))
    texts = (gzip.decompress(path.read_bytes()).decode("utf-8") for path in files)
    rows = [json.loads(line) for text in texts for line in text.splitlines()]
    new = rows[:: round(1 / share)]
    with gzip.open(data / "general" / f"books-{share}.jsonl.gz", "wt", encoding="utf-8") as lines:
        for row in new:
            lines.write(json.dumps({**row, "text": f"{row['text']} Again, {share}."}) + "\n")
    print(f"{len(new)} documents are new beside {len(rows)}", flush=True)


def _timed(what: str, told: Nights) -> None:
    started = time.monotonic()
    look = told.schedule()
    looked = time.monotonic() - started
    ran: list[Ran] = told.run(look) + told.follow()
    print(f"{what}: {time.monotonic() - started:.1f} s, of which looking {looked:.2f} s")
    for one in ran:
        what = f"{', '.join(sorted(one.assets))} {one.partition or ''}"
        print(f"  {one.seconds:.1f} s {what} {'' if one.success else 'FAILED'}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["nights"]:
        nights(int(sys.argv[2]))
    else:
        books()
