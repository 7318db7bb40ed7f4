"""Processor seconds of the commands that people wait for: `python bench/small_things.py [FOLDER]`.

Over the study of the tests, run once into FOLDER (a temporary one without it, which takes minutes)
and found there again. The best of three calls, children included; exit code 1 where a command takes
more than its ceiling.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.audited_study import Audited, run_audited
from tests.support.tiny_study import NAME

DOSSIER = "dossier.zip"
CEILINGS = {
    ("--help",): 0.5,
    ("list", "scorers"): 1.2,
    ("reference",): 1.2,
    ("check", NAME): 1.2,
    ("results", NAME): 1.5,
    ("run", NAME): 4.0,
    ("audit", "check", NAME): 6.0,
    ("audit", "bundle", NAME, "-o", DOSSIER): 3.0,
}
"""Command → seconds; `run` finds nothing to do."""
CALLS = 3


def seconds(arguments: tuple[str, ...], made: Audited, work: Path) -> float:
    """User and system time of one call, with what it started and waited for."""
    named = [str(work / one) if one == DOSSIER else one for one in arguments]
    before = os.times()
    command = [sys.executable, "-m", "alignment_dagster", *named]
    subprocess.run(command, env=made.environment, check=True, capture_output=True)
    after = os.times()
    (work / DOSSIER).unlink(missing_ok=True)
    spent = (after.children_user, after.children_system)
    return sum(spent) - before.children_user - before.children_system


def main() -> int:
    """Print the table; 1 where a ceiling does not hold."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else work, "audited").resolve()
        made = Audited(folder) if (folder / "home").is_dir() else run_audited(folder)
        over = False
        for arguments, ceiling in CEILINGS.items():
            best = min(seconds(arguments, made, Path(work)) for _ in range(CALLS))
            over |= best > ceiling
            mark = "  OVER" if best > ceiling else ""
            print(f"{' '.join(arguments[:2]):<16} {best:6.2f} s of {ceiling:.1f}{mark}", flush=True)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
