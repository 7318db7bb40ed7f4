"""A study in a Dagster project of somebody else, by `dg` alone."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.commands_together import run_together

TYPE = "alignment_dagster.StudyComponent"
DEFINITIONS = """
from pathlib import Path

import dagster as dg


@dg.asset
def something_else() -> None: ...


@dg.definitions
def defs() -> dg.Definitions:
    studies = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    return dg.Definitions.merge(studies, dg.Definitions(assets=[something_else]))
"""


def environment(project: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALIGNMENT_", "DAGSTER_"))
    }
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join((str(CHECKOUT), str(project / "src"))),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A Dagster project that knows nothing of studies."""
    package = tmp_path / "src" / "host"
    (package / "defs").mkdir(parents=True)
    for folder in (package, package / "defs"):
        (folder / "__init__.py").touch()
    (package / "definitions.py").write_text(DEFINITIONS)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "host"\n'
    )
    return tmp_path


def test_the_package_is_imported_without_dagster_until_the_component_is_asked_for() -> None:
    program = (
        "import sys, alignment_dagster\n"
        "assert 'StudyComponent' in dir(alignment_dagster)\n"
        "assert 'dagster' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_dagster_is_told_where_the_component_is() -> None:
    declared = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points."dagster_dg_cli.registry_modules"]' in declared
    point = metadata.EntryPoint("alignment_dagster", "alignment_dagster", "any")
    assert point.load().StudyComponent.__module__ == "alignment_dagster.components"


@pytest.mark.slow
def test_scaffolded_studies_are_part_of_the_project_that_was_there(host: Path) -> None:
    dg = str(Path(sys.executable).parent / "dg")
    first = [dg, "scaffold", "defs", TYPE, "first"]
    subprocess.run(first, cwd=host, env=environment(host), check=True)
    second, told = run_together(
        ("dagster_dg_cli.cli", "alignment_dagster.components"),
        "dg",
        ("scaffold", "defs", TYPE, "second"),
        ("list", "defs", "--json"),
        cwd=host,
        environment=environment(host),
    )
    assert second.returncode == told.returncode == 0, second.stderr + told.stderr
    assert (host / "src" / "host" / "defs" / "first" / "defs.yaml").is_file()
    assert sorted(path.stem for path in (host / "assets" / "studies").iterdir()) == [
        "first",
        "second",
    ]

    listed = json.loads(told.stdout)
    assets = {asset["asset_key"] for asset in listed["assets"]}
    assert "something_else" in assets
    for study in ("first", "second"):
        assert {f"{study}/raw_corpus", f"{study}/pretrained_checkpoint"} <= assets
    assert {"first_whole_study", "second_whole_study"} <= {job["name"] for job in listed["jobs"]}
