"""Dagster's databases: in a home that only may be read, and what its queue lets run at once."""

import os
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.placement import POOL
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.instance import open_instance, open_reader, share_accelerators
from alignment_dagster.lineage.lake import Lake
from tests.support.reported import STUDY, VERSION_1, became_current


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home in which something was made; the system says that nobody may write there."""
    home = Home(tmp_path / "home")
    with open_instance(home) as instance:
        became_current(instance, Lake(home.lake), VERSION_1)
    real = os.access

    def access(path: Path, mode: int) -> bool:
        below = Path(path).is_relative_to(home.root)
        return real(path, mode) and not (below and mode == os.W_OK)

    # Tests may run as a user whom no permission stops.
    monkeypatch.setattr(os, "access", access)
    return home


def test_what_is_current_can_be_read_in_a_read_only_home(read_only: Home) -> None:
    before = contents(read_only.root)
    with open_reader(read_only) as instance:
        assert (
            current_version(instance, Lake(read_only.lake), STUDY, "eval_report", None) == VERSION_1
        )
    assert contents(read_only.root) == before


def test_what_writes_to_a_read_only_home_is_one_line(read_only: Home) -> None:
    with pytest.raises(AlignmentError, match=r"home: cannot be written to; results, export and"):
        open_instance(read_only)


def test_the_queue_lets_as_many_jobs_run_as_there_are_accelerators(tmp_path: Path) -> None:
    """Where nothing is said, one; also where it was more before."""
    with open_instance(Home(tmp_path / "home")) as instance:
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default(POOL)  # as the first run does
        for said, jobs in ((None, 1), (2, 2), (None, 1)):
            share_accelerators(instance, said)
            claims = [storage.claim_concurrency_slot(POOL, f"run-{n}", "job") for n in range(3)]
            assert [one.is_claimed for one in claims] == [n < jobs for n in range(3)]
            for number in range(3):
                storage.free_concurrency_slots_for_run(f"run-{number}")
