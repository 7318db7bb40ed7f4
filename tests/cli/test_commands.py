"""The console script as a person meets it: quick to answer, and the same however it is called."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

MODULE = (sys.executable, "-m", "alignment_dagster")
HEAVY = ("dagster", "duckdb", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "torch", "trl")


def run(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    names = ("ALIGNMENT_ASSETS", "ALIGNMENT_HOME", "ALIGNMENT_PROJECT")
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        arguments, cwd=cwd, env={**inherited, **environment}, capture_output=True, text=True
    )


def test_help_is_shown_in_less_than_half_a_second(tmp_path: Path) -> None:
    """Processor time, the best of three: the machine may be busy with other tests."""
    measure = (
        "import os, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "spent = os.times()\n"
        "print(spent.children_user + spent.children_system)\n"
    )
    calls = [run(sys.executable, "-c", measure, *MODULE, "--help", cwd=tmp_path) for _ in range(3)]
    assert min(float(done.stdout) for done in calls) < 0.5


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    """What the commands need is imported when they are called."""
    program = (
        "import json, sys, alignment_dagster.cli.main\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    imported = json.loads(run(sys.executable, "-c", program, cwd=tmp_path).stdout)
    assert set(imported).isdisjoint(HEAVY)


def test_every_command_is_listed_and_explains_itself(tmp_path: Path) -> None:
    text = run(*MODULE, "--help", cwd=tmp_path).stdout
    for command in (
        *("init", "new", "list", "reference", "check", "run", "results", "export"),
        *("notify", "budget", "ui"),
        *("audit", "corpus", "lake"),
    ):
        assert f" {command} " in text
    audit = run(*MODULE, "audit", "--help", cwd=tmp_path).stdout
    for command in (
        *("acknowledge", "approve", "bundle", "card", "check", "diff", "head", "impact"),
        *("list", "page", "replay"),
        *("sql", "trace", "verify", "view"),
    ):
        assert f" {command} " in audit
    corpus = run(*MODULE, "corpus", "--help", cwd=tmp_path).stdout
    for command in ("browse", "diff", "quarantine", "thresholds", "why"):
        assert f" {command} " in corpus


def test_the_version_is_that_of_the_installed_package(tmp_path: Path) -> None:
    shown = run(*MODULE, "--version", cwd=tmp_path)
    assert (shown.returncode, shown.stdout.strip()) == (0, metadata.version("alignment-dagster"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_the_command(tmp_path: Path, shell: str) -> None:
    # Else typer asks which shell has started the tests: under make it is `sh`, which has none.
    told = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    shown = run(*MODULE, "--show-completion", shell, cwd=tmp_path, **told)
    assert "_ALIGNMENT_COMPLETE" in shown.stdout, shown.stderr


def test_names_of_studies_are_completed(tmp_path: Path) -> None:
    studies = tmp_path / "assets" / "studies"
    studies.mkdir(parents=True)
    for name in ("first", "fresh", "other"):
        (studies / f"{name}.yaml").touch()
    asked = {
        "_ALIGNMENT_COMPLETE": "complete_bash",
        "COMP_WORDS": "alignment run f",
        "COMP_CWORD": "2",
    }
    assert run(*MODULE, cwd=studies, **asked).stdout.split() == ["first", "fresh"]
    assert run(*MODULE, cwd=tmp_path.parent, **asked).stdout.split() == []
