"""Where things are: the project, its declarations, the data, and the home of what is computed."""

import os
from dataclasses import dataclass
from pathlib import Path

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.shipped import shipped

STUDIES = Path("assets") / "studies"
"""What makes a folder a project: it holds this folder."""
PROJECT_VARIABLE = "ALIGNMENT_PROJECT"
HOME_VARIABLE = "ALIGNMENT_HOME"
ASSETS_VARIABLE = "ALIGNMENT_ASSETS"
DATA_VARIABLE = "ALIGNMENT_DATA"
DAGSTER_VARIABLE = "ALIGNMENT_DAGSTER_YAML"
NO_PATHS = "?#%"
"""They begin something else in the addresses by which dbt, Dagster and MLflow open databases."""
MLFLOW_VARIABLE = "MLFLOW_TRACKING_URI"
MLFLOW_DATABASE = "mlflow.db"
DAGSTER_DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
"""Of SQLite, below Dagster's folder: all but the events of single runs, which the index repeats.

The schedules are there so that they are not made anew, which takes longer than all reading.
"""


def find_project(start: Path) -> Path | None:
    """The nearest folder at or above `start` that holds `assets/studies`; None if none does."""
    folders = (start, *start.parents)
    return next((folder for folder in folders if (folder / STUDIES).is_dir()), None)


def project_root() -> Path:
    """`$ALIGNMENT_PROJECT`, or the project at or above the working directory.

    The folder that the package itself lies in is no answer: from elsewhere, results would go
    into a project that nobody named.

    Raises:
        AlignmentError: if there is none.
    """
    named = os.environ.get(PROJECT_VARIABLE)
    found = Path(named).resolve() if named else find_project(Path.cwd())
    if found is None:
        raise AlignmentError(
            f"no project here or above (a folder that holds {STUDIES}): "
            "`alignment init FOLDER` makes one"
        )
    return found


def enter_project(start: Path) -> None:
    """Make the project at or above `start` that of this process and of all that it starts.

    Those may work in another folder. What the environment names already stays; where there is no
    project, nothing happens: not every command needs one.
    """
    found = find_project(start)
    if found is not None:
        os.environ.setdefault(PROJECT_VARIABLE, str(found))


@dataclass(frozen=True)
class Home:
    """The folder that holds the lake, the warehouse and the databases of Dagster and MLflow."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        """`$ALIGNMENT_HOME`, or `.alignment` in the project.

        Raises:
            AlignmentError: if there is neither, or its path cannot be used.
        """
        named = os.environ.get(HOME_VARIABLE)
        root = Path(named or project_root() / ".alignment").resolve()
        if found := next((one for one in NO_PATHS if one in str(root)), None):
            way = HOME_VARIABLE if named else f"{root}: set {HOME_VARIABLE}"
            raise AlignmentError(
                f"{way}: the home's path holds {found!r}, and the databases in it would end up "
                "elsewhere: name another folder"
            )
        return cls(root)

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def work(self) -> Path:
        """Unfinished computations: what a killed run resumes from."""
        return self.root / "work"

    @property
    def cache(self) -> Path:
        """What makes the next refresh faster and changes nothing: it may be removed."""
        return self.root / "cache"

    @property
    def answers(self) -> Path:
        """What language models answered, and what was paid for it: asking again costs again."""
        return self.root / "answers.db"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def server_logs(self) -> Path:
        """What the servers of `alignment ui` say."""
        return self.root / "server_logs"

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
        return uri or self.own_mlflow_uri

    @property
    def own_mlflow_uri(self) -> str:
        """The database in this folder."""
        return f"sqlite:///{self.root / MLFLOW_DATABASE}"

    @property
    def mlflow_artifacts(self) -> Path:
        return self.root / "mlflow"


def assets_folder() -> Path:
    """The declarations: `$ALIGNMENT_ASSETS`, or `assets` in the project.

    Raises:
        AlignmentError: if there is neither.
    """
    return Path(os.environ.get(ASSETS_VARIABLE) or project_root() / "assets").resolve()


def data_folder() -> Path | None:
    """The folder of real data, `$ALIGNMENT_DATA`; None where it is not set."""
    value = os.environ.get(DATA_VARIABLE)
    return Path(value).resolve() if value else None


def dagster_configuration() -> Path:
    """Dagster's configuration: `$ALIGNMENT_DAGSTER_YAML`, the project's, or the shipped one."""
    named = os.environ.get(DAGSTER_VARIABLE)
    if named:
        return Path(named).resolve()
    return _of_project("dagster.yaml")


def workspace_file() -> Path:
    """What Dagster loads: `workspace.yaml` of the project, or the shipped one."""
    return _of_project("workspace.yaml")


def _of_project(name: str) -> Path:
    try:
        own = project_root() / name
    except AlignmentError:  # the environment may name declarations and home, and no project
        return shipped(name)
    return own if own.is_file() else shipped(name)
