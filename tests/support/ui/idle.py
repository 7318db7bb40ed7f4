"""`alignment ui` over a small study that nothing was made of: it is there in seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from alignment_dagster.warehouse import read_manifest
from alignment_dagster.warehouse.paths import Warehouse
from tests.support import tiny_study
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME
from tests.support.ui.served import Served, serve

ASSET = dg.AssetKey([NAME, "raw_corpus"])


@contextmanager
def serve_idle(folder: Path) -> Iterator[Served]:
    """The three servers; what they say is in `servers.log`."""
    tiny_study.create(folder)
    made = Audited(folder)
    # By the dbt of the tests: the code location would start one of its own, which takes seconds.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        read_manifest(Warehouse(made.home, NAME))
    with serve(made, folder / "servers.log") as running:
        yield running


def add_run(pages: Served) -> str:
    """A run on Dagster's record; its id."""
    with pages.instance() as instance:
        return instance.create_run_for_job(_nothing).run_id


def is_untouched(pages: Served, runs: list[str]) -> bool:
    """Whether Dagster still has these runs, and no event of the asset."""
    with pages.instance() as instance:
        there = all(instance.has_run(run) for run in runs)
        return there and not instance.fetch_materializations(ASSET, limit=1).records


@dg.job(name="nothing")
def _nothing() -> None: ...


def deletion(run: str) -> str:
    """The mutation that deletes a run."""
    return f'mutation {{deletePipelineRun(runId: "{run}") {{__typename}}}}'


REPORT = f"/report_asset_materialization/{ASSET.to_user_string()}?partition=stories&data_version=1"
