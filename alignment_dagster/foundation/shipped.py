"""What the package brings along that is no Python: the dbt project, files for new projects.

In a checkout they are in sight at its top (`dbt_project/`, `assets/`, `dagster.yaml`,
`workspace.yaml`, of `docs/` the glossary); a wheel holds them inside the package (`setup.py` puts
them there).
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
INSIDE = PACKAGE / "shipped"


def shipped(name: str) -> Path:
    """The shipped file or folder of this name, to be read only."""
    return (INSIDE if INSIDE.is_dir() else PACKAGE.parent) / name
