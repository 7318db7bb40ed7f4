"""`python -m drills.soak`: a hundred injections with a fixed seed, and what came of them."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from drills.soak.bench import Bench
from drills.soak.play import Played, play_all
from drills.soak.table import SEED, drawn

SHARED_MEMORY = Path("/dev/shm")
NEEDED = 2 << 30
"""Bytes that must be free in memory for the homes to lie there."""


def main() -> None:
    """Play, print, and end with 1 where something did not end well."""
    # A shell that starts this in the background has it ignore SIGINT, and so all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    arguments = _arguments()
    injections = drawn(arguments.injections, arguments.seed)
    if arguments.only:
        injections = [one for one in injections if one.number in arguments.only]
    if arguments.list:
        print("\n".join(f"{one.number:4} {one.name}" for one in injections))
        return
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="soak-", dir=_memory()))
    begun = time.monotonic()
    benches = [Bench(folder / f"bench-{number}") for number in range(arguments.benches)]
    try:
        played = play_all(injections, benches, begun + 60 * arguments.minutes)
    finally:
        _leave_nothing(benches)
    _summary(played, time.monotonic() - begun, arguments.seed)
    if len(played) < len(injections):
        print(f"{len(injections) - len(played)} were not played: the time is up")
    failed = any(one.wrong for one in played)
    if not failed:
        shutil.rmtree(folder)
    sys.exit(failed)


def _leave_nothing(benches: list[Bench]) -> None:
    """Also of injections that were cut short."""
    for process in psutil.Process().children(recursive=True):
        process.kill()
    for bench in benches:
        bench.unmount()


def _memory() -> str | None:
    """Memory where there is room for it: the homes are copied again and again."""
    roomy = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > NEEDED
    return str(SHARED_MEMORY) if roomy else None


def _summary(played: list[Played], seconds: float, seed: int) -> None:
    names = Counter(one.injection.name for one in played)
    print(f"\n{'injection':44} times  failed  skipped  seconds")
    for name, times in sorted(names.items()):
        own = [one for one in played if one.injection.name == name]
        failed, skipped = sum(bool(one.wrong) for one in own), sum(one.skipped for one in own)
        spent = sum(one.seconds for one in own)
        print(f"{name:44} {times:5}  {failed:6}  {skipped:7}  {spent:7.0f}")
    failed = [one for one in played if one.wrong]
    skipped = sum(one.skipped for one in played)
    print(f"{len(played)} injections, {len(failed)} failed, {skipped} skipped, {seconds:.0f} s")
    for one in failed:
        number = one.injection.number
        print(f"  again: python -m drills.soak --seed {seed} --only {number}; kept: {one.kept}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--injections", type=int, default=110)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the plan")
    parser.add_argument("--list", action="store_true", help="print the plan and end")
    parser.add_argument("--benches", type=int, default=2, help="injections side by side")
    parser.add_argument("--minutes", type=float, default=27, help="when no other one is begun")
    parser.add_argument("--folder", help="where the homes lie; in memory without it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
