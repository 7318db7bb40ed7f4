"""The code location: everything under `defs/`, run in one process for each Dagster run.

Starting a process for every step would cost more than most steps; the heavy ones start a process
of their own anyway.
"""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """All studies' assets, checks and jobs. Imports no torch."""
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        dg.Definitions(executor=dg.in_process_executor),
    )
