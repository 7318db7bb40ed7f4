"""Where what is made goes: the home folder, its lake, and MLflow's runs of a study."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.lake import Lake

if TYPE_CHECKING:  # MLflow takes seconds to import
    from alignment_dagster.lineage.mlflow_runs import Tracker


@dataclass(frozen=True)
class Stores:
    """What every build reads from and publishes to."""

    home: Home
    lake: Lake
    tracker: "Tracker"
