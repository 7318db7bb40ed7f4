"""What is altered to see whether it is noticed: every kind of artifact, every record, database."""

from drills.tamper import (
    dagster_database,
    declarations,
    dossier,
    files,
    insider,
    journal,
    keys,
    mlflow_database,
    records,
)
from drills.tamper.cell import Cell, naming, wrong_with
from drills.tamper.kinds import KINDS
from drills.tamper.place import Place

PARTS = (
    files,
    records,
    keys,
    journal,
    mlflow_database,
    dagster_database,
    declarations,
    dossier,
    insider,
)
CELLS: tuple[Cell, ...] = tuple(cell for part in PARTS for cell in part.cells())

__all__ = ["CELLS", "KINDS", "Cell", "Place", "naming", "wrong_with"]
