"""Where things are: the declarations, the data folder and the home of everything computed."""

import os
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.foundation.errors import AlignmentError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
HOME_VARIABLE = "ALIGNMENT_HOME"
ASSETS_VARIABLE = "ALIGNMENT_ASSETS"
DATA_VARIABLE = "ALIGNMENT_DATA"
DAGSTER_VARIABLE = "ALIGNMENT_DAGSTER_YAML"
MLFLOW_VARIABLE = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class Home:
    """The folder that holds the lake, the warehouse and the databases of Dagster and MLflow."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        """`$ALIGNMENT_HOME`, or `.alignment` in the project."""
        return cls(Path(os.environ.get(HOME_VARIABLE) or PROJECT_ROOT / ".alignment").resolve())

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def work(self) -> Path:
        """Unfinished computations: what a killed run resumes from."""
        return self.root / "work"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def refresh(self) -> Path:
        """What refreshing by itself remembers."""
        return self.root / "refresh"

    @property
    def notifications(self) -> Path:
        """The files that studies' notifications are appended to."""
        return self.root / "notifications"

    @property
    def mlflow_uri(self) -> str:
        """`$MLFLOW_TRACKING_URI`, or a database in this folder.

        Raises:
            AlignmentError: if it is a web address that holds a password: MLflow repeats the
                address in its errors, which are recorded.
        """
        uri = os.environ.get(MLFLOW_VARIABLE)
        if uri and uri.startswith(("http:", "https:")) and "@" in uri:
            raise AlignmentError(
                f"{MLFLOW_VARIABLE} holds a user or password: "
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead"
            )
        return uri or f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> Path:
        return self.root / "mlflow"


def assets_folder() -> Path:
    """The declarations: `$ALIGNMENT_ASSETS`, or `assets` in the project."""
    return Path(os.environ.get(ASSETS_VARIABLE) or PROJECT_ROOT / "assets").resolve()


def data_folder() -> Path | None:
    """The folder of real data, `$ALIGNMENT_DATA`; None where it is not set."""
    value = os.environ.get(DATA_VARIABLE)
    return Path(value).resolve() if value else None


def dagster_configuration() -> Path:
    """Dagster's configuration: `$ALIGNMENT_DAGSTER_YAML`, or `dagster.yaml` in the project."""
    return Path(os.environ.get(DAGSTER_VARIABLE) or PROJECT_ROOT / "dagster.yaml").resolve()
