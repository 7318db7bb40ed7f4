"""Dagster's databases in a home that only may be read."""

import os
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.instance import open_instance, open_reader
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
