"""Running dbt as its own process, and what came of each model and test."""

import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.warehouse.paths import PROJECT, Warehouse, dbt_executable

CORPUS = "tag:corpus"
RESULTS = "tag:results"
BUILD = ("build", "--exclude-resource-type", "unit_test")
"""Models and data tests; unit tests prove the SQL, not the data, and belong to the test suite."""

NODES_FAILED = 1
LOCK = re.compile(r'Could not set lock on file "(?P<file>[^"]*)".*?held in (?P<holder>.*?\))', re.S)


@dataclass(frozen=True)
class Outcome:
    """What came of one model or test of a run."""

    kind: Literal["model", "test"]
    name: str
    state: Literal["passed", "failed", "skipped"]
    seconds: float
    rows: int
    """Rows that a test objects to; 0 for models."""
    message: str


def build(warehouse: Warehouse, select: str) -> tuple[Outcome, ...]:
    """Run the selected models and their data tests; what fails is in the outcomes.

    Raises:
        AlignmentError: if dbt could not run at all, e.g. because the warehouse is open elsewhere.
    """
    done = _run(warehouse, *BUILD, "--select", select)
    if done.returncode not in (0, NODES_FAILED):
        raise _error(warehouse, "build", done)
    return _read_outcomes(warehouse)


def require_passed(outcomes: Iterable[Outcome]) -> None:
    """Pass only where every model and test did.

    Raises:
        AlignmentError: one line for each model and test that failed.
    """
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed:
        lines = [f"  {outcome.name}: {outcome.message}" for outcome in failed]
        raise AlignmentError("\n".join(["the warehouse's models or tests failed:", *lines]))


def run_dbt(warehouse: Warehouse, *arguments: str) -> None:
    """Run any dbt command for the study, e.g. `run_dbt(warehouse, "test")`.

    Raises:
        AlignmentError: says who holds the warehouse open, or which models and tests failed.
    """
    done = _run(warehouse, *arguments)
    if done.returncode == NODES_FAILED:
        require_passed(_read_outcomes(warehouse))
    if done.returncode != 0:
        raise _error(warehouse, arguments[0], done)


def lock_error(output: str) -> AlignmentError | None:
    """The one message for a warehouse that another process has open; None if that is not it."""
    found = LOCK.search(output)
    if found is None:
        return None
    holder = " ".join(found["holder"].split())
    return AlignmentError(
        f"{found['file']} is open in another process, {holder}: close it there and run again"
    )


def _run(warehouse: Warehouse, *arguments: str) -> "subprocess.CompletedProcess[str]":
    warehouse.target.mkdir(parents=True, exist_ok=True)
    (warehouse.target / "run_results.json").unlink(missing_ok=True)
    places = ["--project-dir", PROJECT, "--profiles-dir", PROJECT]
    own = ["--target-path", warehouse.target, "--log-path", warehouse.target]
    return subprocess.run(
        [str(part) for part in (dbt_executable(), *arguments, *places, *own)],
        cwd=PROJECT,
        env={**os.environ, **warehouse.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _error(
    warehouse: Warehouse, command: str, done: "subprocess.CompletedProcess[str]"
) -> AlignmentError:
    output = done.stdout + done.stderr
    end = output.strip().splitlines()[-8:]
    log = warehouse.target / "dbt.log"
    return lock_error(output) or AlignmentError(
        "\n".join([f"dbt {command} ended with exit code {done.returncode}; its log is {log}", *end])
    )


def _read_outcomes(warehouse: Warehouse) -> tuple[Outcome, ...]:
    path = warehouse.target / "run_results.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else []
    return tuple(
        _parse_outcome(result)
        for result in results
        # a hook is no model and no test: it is told of only where it failed
        if not (result["unique_id"].startswith("operation.") and result["status"] == "success")
    )


def _parse_outcome(result: Mapping[str, Any]) -> Outcome:
    kind, _package, name = result["unique_id"].split(".")[:3]
    status = result["status"]
    state: Literal["passed", "failed", "skipped"] = (
        "passed"
        if status in ("success", "pass")
        else "skipped"
        if status == "skipped"
        else "failed"
    )
    return Outcome(
        kind="test" if "test" in kind else "model",
        name=name,
        state=state,
        seconds=round(result["execution_time"], 3),
        rows=result["failures"] or 0 if "test" in kind else 0,
        message=" ".join(str(result["message"] or status).split())[:500],
    )
