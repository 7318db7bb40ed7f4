"""Known vulnerabilities of what is pinned: a real pip-audit asks an index on this machine."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.index_server import Index, Known

TOOL = Path(__file__).parents[2] / "tools" / "vulnerabilities.py"
OLD: Known = {"jinja2==2.10": [{"id": "PYSEC-1", "aliases": [], "fixed_in": ["2.10.1"]}]}
FAULT: Sequence[Mapping[str, Any]] = [
    {"id": "PYSEC-2", "aliases": ["CVE-2"], "fixed_in": ["1.1"], "summary": "It leaks."}
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "constraints.txt").write_text("# pinned\nlib-a==1.0\nlib_b==2.0\n")
    (folder / "pyproject.toml").write_text("[project]\n")
    return folder


def check(project: Path, **environment: str) -> tuple[int, list[str]]:
    """Exit code and lines; what pip-audit keeps of answers lies beside the project."""
    apart = {"HOME": str(project.parent), "XDG_CACHE_HOME": str(project.parent / "cache")}
    done = subprocess.run(
        [sys.executable, str(TOOL), str(project)],
        env={**os.environ, **apart, "PIP_NO_CACHE_DIR": "1", **environment},
        capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).splitlines()


def asked(project: Path, known: Known) -> tuple[int, list[str]]:
    with Index(project.parent, known) as index:
        return check(project, **index.environment)


def test_a_known_vulnerability_fails(project: Path) -> None:
    assert asked(project, {**OLD, "lib-a==1.0": FAULT, "lib-b==2.0": []}) == (1, [
        "vulnerabilities: lib-a 1.0: PYSEC-2 CVE-2; mended in 1.1",
        "vulnerabilities: 1 known, 0 declared as ignored",
    ])  # fmt: skip


def test_one_that_is_declared_with_its_reason_does_not_also_by_its_other_name(
    project: Path,
) -> None:
    declared = '[tool.vulnerabilities.ignored]\nCVE-2 = "what leaks is not called here"\n'
    (project / "pyproject.toml").write_text(declared)
    known = {**OLD, "lib-a==1.0": FAULT, "lib-b==2.0": []}
    said = ["vulnerabilities: 0 known, 1 declared as ignored"]
    assert asked(project, known) == (0, said)


def test_one_that_is_declared_without_a_reason_is_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.vulnerabilities.ignored]\nCVE-2 = " "\n')
    code, said = check(project)
    assert code == 1
    assert said == ["pyproject.toml: tool.vulnerabilities.ignored.CVE-2: a reason is needed"]


def test_what_the_index_does_not_have_is_said(project: Path) -> None:
    code, said = asked(project, {**OLD, "lib-a==1.0": []})
    assert code == 0
    assert said[0] == "vulnerabilities: not checked: lib-b"


@pytest.mark.parametrize("known", [{}, {"jinja2==2.10": []}])
def test_an_index_that_knows_of_no_vulnerability_is_not_believed(
    project: Path, known: Known
) -> None:
    with Index(project.parent, known) as index:
        code, said = check(project, **index.environment)
    assert code == 0
    assert said == ["vulnerabilities: not checked: nobody here knows of those of jinja2==2.10"]
    assert index.asked == ["jinja2==2.10"]


def test_where_nobody_can_be_reached_it_says_so_and_goes_on(project: Path) -> None:
    with Index(project.parent, {}) as gone:
        environment = gone.environment
    code, said = check(project, **environment)
    assert code == 0
    assert said[0].startswith("vulnerabilities: not checked: pip-audit: ")
