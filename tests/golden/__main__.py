"""`python -m tests.golden`: write the golden file again, unless a version must be raised first."""

import os
import sys
import tempfile
from pathlib import Path

from tests.golden.optional_steps import make_optional
from tests.golden.pins import GOLDEN, collect, find_problems, read_golden, write_golden
from tests.support.audited_study import refresh_audited, run_audited
from tests.support.lexicons import write_lexicons


def main() -> int:
    """Run the tiny study, and pin what it gives; 1 where nothing was written."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        study = run_audited(folder / "study")
        optional = make_optional(refresh_audited(study, folder / "refreshed"), folder / "optional")
        entries = collect(study.archive, optional, write_lexicons(folder / "lists"))
        golden = read_golden() if GOLDEN.exists() else {}
        problems = list(find_problems(golden, entries))
        forgotten = [one.message for one in problems if one.forgotten]
        if not forgotten:
            write_golden(entries)
    print("\n".join(forgotten or [one.message for one in problems] or ["Nothing is other."]))
    return 1 if forgotten else 0


sys.exit(main())
