"""What a warm process can be asked to do; each in a fork of its own, which ends with it."""

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drills.warm.template import start_template


def _alignment(arguments: list[str]) -> int:
    """The console script."""
    from alignment_dagster.cli.main import main

    start_template()
    sys.argv = ["alignment", *arguments]
    main()
    return 0


def _job(module: str, config: str) -> int:
    """A job's `main`, in a group of its own, as `foundation.job_process` forks one."""
    os.setsid()
    code: int = importlib.import_module(module).main([config])
    return code


def _run(
    study: str, recipes: list[str], seeds: list[int], first: Any, last: Any, workers: int
) -> int:
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.running.plan import Selection
    from alignment_dagster.running.runner import run_study

    start_template()
    selection = Selection(tuple(recipes), tuple(seeds), first, last)
    outcome = run_study(load_study(study, assets_folder()), selection, workers)
    return 1 if outcome.failures else 0


def _materialize(study: str, asset: str, partition: str) -> int:
    """`dagster asset materialize` from the command line."""
    from dagster._cli import create_dagster_cli

    from alignment_dagster.foundation.home import Home

    os.environ["DAGSTER_HOME"] = str(Home.from_environment().dagster)
    start_template()
    select = ["--select", f'key:"{study}/{asset}"', "--partition", partition]
    module = ["-m", "alignment_dagster.definitions"]
    arguments = ["asset", "materialize", *module, *select]
    create_dagster_cli().main(arguments, standalone_mode=False)
    return 0


def _night(study: str) -> int:
    """A scheduled look at the sources, and all that follows from it."""
    from datetime import UTC, datetime

    from tests.support.nights import Nights, opened

    os.environ.pop("DAGSTER_HOME", None)
    start_template()
    for instance in opened():
        ran = Nights(instance, study, now=datetime.now(UTC)).night()
        failed = [one for one in ran if not one.success]
        print(f"{len(ran)} runs, {len(failed)} failed: {failed}")
        return 1 if failed else 0
    return 1


def _policy(study: str, answer: str) -> int:
    """What the training policy asks for at the moment, to its end."""
    from datetime import UTC, datetime

    from tests.support.nights import Nights, opened

    os.environ.pop("DAGSTER_HOME", None)
    start_template()
    for instance in opened():
        nights = Nights(instance, study, now=datetime.now(UTC))
        tick = nights.sensor("training_policy")
        ran = nights.run(tick)
        told = {"trained": [one.partition for one in ran], "skipped": tick.skipped}
        Path(answer).write_text(json.dumps(told), encoding="utf-8")
        return 0 if all(one.success for one in ran) else 1
    return 1


def _check(study: str, answer: str) -> int:
    """Gaps, changes, and whether a run would have anything to do."""
    from alignment_dagster.audit.check import check_study
    from alignment_dagster.audit.open_report import open_archive
    from alignment_dagster.foundation.home import Home, assets_folder
    from alignment_dagster.graph.stale_reasons import StaleReasons
    from alignment_dagster.lineage.archive import REPORT
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.steps.registry import STEPS

    home = Home.from_environment()
    declared = load_study(study, assets_folder())
    if not any((home.lake / study).glob("*/*/*")) and "ALIGNMENT_LAKE" not in os.environ:
        nothing = {"gaps": [], "changes": [], "notes": [], "report": None, "current": False}
        Path(answer).write_text(json.dumps(nothing), encoding="utf-8")
        return 0  # nothing was made yet
    archive = open_archive(study, home)
    report = check_study(archive, home, today=StaleReasons(declared, STEPS))
    reports = [entry.version for entry in archive.journal if entry.asset == REPORT]
    told = {
        "gaps": [f"{gap.kind}: {gap.subject}: {gap.message}" for gap in report.gaps],
        "changes": [f"{change.subject}: {change.message}" for change in report.changes],
        "notes": list(report.notes),
        "report": reports[-1] if reports else None,
        "current": _current(declared, home),
    }
    Path(answer).write_text(json.dumps(told), encoding="utf-8")
    return 0


def _gc(study: str, answer: str | None = None) -> int:
    """`alignment lake gc --delete`."""
    from alignment_dagster.foundation.home import assets_folder
    from alignment_dagster.preflight.studies import load_study
    from alignment_dagster.refresh.retention.collect import collect_garbage

    told = collect_garbage(load_study(study, assets_folder()), delete=True)
    if answer is not None:
        Path(answer).write_text(json.dumps(told.data), encoding="utf-8")
    return 0


def _notify(study: str) -> int:
    """`alignment notify`."""
    return _alignment(["notify", study])


def _current(study: Any, home: Any) -> bool:
    """Whether `alignment run` would find that nothing has to run."""
    from alignment_dagster.foundation.errors import AlignmentError
    from alignment_dagster.graph.instance import open_instance
    from alignment_dagster.graph.staleness import VerifiedStaleness
    from alignment_dagster.lineage.lake import Lake
    from alignment_dagster.running.plan import Selection, waves

    with open_instance(home) as instance:
        staleness = VerifiedStaleness(instance, Lake(home.lake), study)
        try:
            return not any(
                staleness.stale(task.steps, task.partition)
                for wave in waves(study, Selection())
                for task in wave
            )
        except AlignmentError:
            return False  # a parent that was never made


OPERATIONS: dict[str, Callable[..., int]] = {
    "alignment": _alignment,
    "job": _job,
    "run": _run,
    "materialize": _materialize,
    "night": _night,
    "policy": _policy,
    "notify": _notify,
    "check": _check,
    "gc": _gc,
}
