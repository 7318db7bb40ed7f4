"""How long `alignment audit check` takes beside `sha256sum` of the same bytes.

`python bench/audit_check.py --folder /tmp/audit_check [--width 768] [--turns 3]`
`python bench/audit_check.py --home HOME --study STUDY`

The first form runs the study of the tests with a wider model in the folder, once (minutes). Both
commands read the same files; they take turns, each in fresh processes. Cold means that the system
was asked to forget the files before (posix_fadvise), warm that both read them just before.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
ALIGNMENT = str(Path(sys.executable).parent / "alignment")
LIMIT = 1.2


@dataclass(frozen=True)
class Place:
    """A home that has been run, and the declarations behind it."""

    home: Path
    study: str
    environment: dict[str, str]

    @property
    def files(self) -> list[Path]:
        """Everything of the study in the lake."""
        return [path for path in (self.home / "lake" / self.study).rglob("*") if path.is_file()]


@dataclass(frozen=True)
class Taken:
    """Seconds of a command, by the clock and of all processors."""

    wall: float
    processor: float


def main() -> None:
    """Make the lake where it is not there, measure, and print a table."""
    arguments = _arguments()
    place = _existing(arguments) if arguments.home else _made(arguments.folder, arguments.width)
    size = sum(path.stat().st_size for path in place.files)
    print(f"{len(place.files):,} files, {size / 2**20:,.0f} MiB, {os.cpu_count()} processors")
    cold = _turns(place, 1, forget=True)
    warm = _turns(place, arguments.turns, forget=False)
    for name, (hashing, checking) in (("cold", cold), ("warm", warm)):
        ratio = checking.wall / hashing.wall
        print(
            f"{name}: sha256sum {hashing.wall:.2f} s ({hashing.processor:.2f} s of processor), "
            f"check {checking.wall:.2f} s ({checking.processor:.2f} s of processor): "
            f"{ratio:.2f}x{'' if ratio <= LIMIT else f', above {LIMIT}x'}"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/audit_check"))
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--study", default="quickstart")
    return parser.parse_args()


def _existing(arguments: argparse.Namespace) -> Place:
    environment = {**os.environ, "ALIGNMENT_HOME": str(arguments.home)}
    return Place(arguments.home, arguments.study, environment)


def _made(folder: Path, width: int) -> Place:
    """The tests' study with a model of that width, one seed, and a few steps of training."""
    from tests.support import tiny_study

    folder = folder / f"width-{width}"
    home = folder / "home"
    environment = {
        **os.environ,
        "ALIGNMENT_ASSETS": str(folder / "assets"),
        "ALIGNMENT_DATA": str(folder / "data"),
        "ALIGNMENT_HOME": str(home),
    }
    if not (folder / "assets").exists():
        study = tiny_study.create(folder)
        study.change(
            seeds=[0],
            mix={"tokens": 2560, "sequence_length": 128, "share_tolerance": 0.2},
            model={"layers": 4, "width": width, "heads": 4, "mlp_width": 4 * width},
            pretraining={"batch_size": 4, "learning_rate": 0.0005, "checkpoint_every": 100},
        )
    subprocess.run([ALIGNMENT, "run", tiny_study.NAME], env=environment, check=True)
    return Place(home, tiny_study.NAME, environment)


def _turns(place: Place, turns: int, *, forget: bool) -> tuple[Taken, Taken]:
    """The median of the turns of both."""
    taken: tuple[list[Taken], list[Taken]] = ([], [])
    for _ in range(turns):
        for command, into in zip((_hash, _check), taken, strict=True):
            if forget:
                _forget(place.home)
            into.append(command(place))
    hashing, checking = (
        Taken(
            statistics.median(one.wall for one in each),
            statistics.median(one.processor for one in each),
        )
        for each in taken
    )
    return hashing, checking


def _forget(home: Path) -> None:
    """Ask the system to drop what it holds of these files."""
    os.sync()
    for path in home.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _hash(place: Place) -> Taken:
    names = [str(path) for path in place.files]

    def hashed() -> None:
        subprocess.run(["sha256sum", "--", *names], stdout=subprocess.DEVNULL, check=True)

    return _timed(hashed)


def _check(place: Place) -> Taken:
    def checked() -> None:
        command: Sequence[str] = (ALIGNMENT, "audit", "check", place.study, "--json")
        done = subprocess.run(
            command, env=place.environment, capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout)["closed"]

    return _timed(checked)


def _timed(command: Callable[[], None]) -> Taken:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command()
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(wall, spent)


if __name__ == "__main__":
    main()
