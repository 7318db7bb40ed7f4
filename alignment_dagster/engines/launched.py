"""A job on the machine that Slurm gave it.

`python -m alignment_dagster.engines.launched WORK TOKEN MODULE CONFIG.json`
"""

import importlib
import signal
import sys
from pathlib import Path

from alignment_dagster.engines.launch import answer
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job import USER_ERROR


def main(argv: list[str] | None = None) -> int:
    """Answer whoever started the job, then run it; exit codes as of `foundation.job.run_job`."""
    work, token, module, config = sys.argv[1:] if argv is None else argv
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        answer(Path(work), token)
        return int(importlib.import_module(module).main([config]))
    except AlignmentError as error:  # the folder for messages may not be seen
        print(error, file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
