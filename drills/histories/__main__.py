"""Random honest histories: whether a check ever raises a false alarm.

`python -m drills.histories --histories 200 --seed 1`

What a history is stands in `drills/histories/history.py`. The same seed and number draw the same
operations; where a signal meets the run depends on the machine. A false alarm is printed with
everything that led to it, and its home is kept.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from drills.histories.actions import ACTIONS
from drills.histories.history import Bench, History
from drills.warm import Driver

KINDS = ("edit", "way back", "run", "SIGINT", "SIGKILL", "two workers", "dagster asset", "part")


def main() -> None:
    """Play the histories, and print each and what they come to."""
    arguments = _arguments()
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="histories-"))
    started, checks, alarms = time.monotonic(), 0, 0
    kinds: Counter[str] = Counter()
    with Driver() as driver:
        bench = Bench(folder, driver, ACTIONS)
        for number in range(arguments.first, arguments.first + arguments.histories):
            begun = time.monotonic()
            history = bench.play(number, arguments.seed)
            checks += history.checks
            alarms += bool(history.wrong)
            kinds.update(kind for step in history.steps for kind in KINDS if kind in step)
            _show(number, history, time.monotonic() - begun, folder)
    print(
        f"{arguments.histories} histories, {checks} checks, {alarms} with a false alarm, "
        f"{time.monotonic() - started:.0f} s; "
        + ", ".join(f"{kind}: {count}" for kind, count in kinds.items())
    )
    sys.exit(bool(alarms))


def _show(number: int, history: History, seconds: float, folder: Path) -> None:
    """One line, or all of it where something was wrong."""
    if not history.wrong:
        told = f"{len(history.steps)} steps, {history.checks} checks"
        print(f"history {number}: {told}, {seconds:.0f} s", flush=True)
        return
    print(f"history {number}: FALSE ALARM")
    for step in history.steps:
        print(f"  {step}")
    for wrong in history.wrong:
        print(f"  !! {wrong}")
    kept = folder / f"alarm-{number}"
    shutil.copytree(history.place.folder, kept, symlinks=True, dirs_exist_ok=True)
    print(f"  kept in {kept}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="number of the first history")
    parser.add_argument("--folder", help="where the homes lie; a temporary folder without it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
