"""The wheel, built from a copy of the checkout and installed alone into an empty folder."""

import shutil
import subprocess
import sys

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.installed_wheel import Installed

SOURCES = (
    "alignment_dagster", "assets", "dbt_project", "dagster.yaml", "workspace.yaml",
    "docs", "pyproject.toml", "setup.py", "README.md", "LICENSE",
)  # fmt: skip
LEFT_OUT = shutil.ignore_patterns("__pycache__", "target", "logs", "dbt_packages", ".user.yml")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    source, wheels, target = (
        tmp_path_factory.mktemp(name) for name in ("source", "wheels", "installed")
    )
    for name in SOURCES:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, source / name, ignore=LEFT_OUT)
        else:
            shutil.copyfile(CHECKOUT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(source)],
        check=True,
    )
    (wheel,) = wheels.iterdir()
    subprocess.run(
        [*pip, "install", "--no-deps", "--target", str(target), str(wheel)],
        check=True,
    )
    shutil.rmtree(source)
    return Installed(target)
