"""Whatever is altered is found, and the message names it; an honest edit is a change and no gap.

These are the cells that stand for all: every mutation on one kind of artifact, and the most common
ones on all kinds. `python -m drills.tamper` runs every cell, and writes docs/tamper.md.
"""

from collections.abc import Iterator

import pytest

from drills.tamper import CELLS, KINDS, Cell, Place, wrong_with
from drills.tamper.cell import look_at_study
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow
ALWAYS = [cell for cell in CELLS if cell.always]
TOGETHER = ("files", "records", "mlflow", "dagster")
"""Groups in which the same alteration of several things is made at once, and each has to be named;
the drill makes every one alone."""
ALONE = (
    "all records re-written to fit, unsigned",
    "all records re-written to fit, signed with a new trusted key",
    "all records re-written to fit, all keys replaced, all signed again",
    "metric deleted",
    "metric added",
)
"""What would hide the same done to another thing."""


def batches() -> dict[str, list[Cell]]:
    """Cells by what is done; alone where an alteration would hide another one."""
    found: dict[str, list[Cell]] = {}
    for cell in ALWAYS:
        together = cell.group in TOGETHER and cell.found == "gap" and cell.mutation not in ALONE
        what = f"{cell.group}: {cell.mutation if together else cell.name}"
        found.setdefault(what, []).append(cell)
    return found


@pytest.fixture(scope="module")
def place(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A copy of the study, which every test leaves as it found it."""
    folder = tmp_path_factory.mktemp("tampered") / "study"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("assets", "data", "home"):
            patch.setenv(f"ALIGNMENT_{name.upper()}", str(folder / name))
        yield Place(audited.folder, folder, NAME)


def test_every_kind_of_artifact_and_every_file_has_its_cells(place: Place) -> None:
    kinds = {kind.asset: kind for kind in KINDS}
    assert set(kinds) == {key[0] for key in place.archive.keys}
    for asset, kind in kinds.items():
        assert set(kind.files) == set(place.artifact(asset).manifest.files)
    names = [f"{cell.group} {cell.name}" for cell in CELLS]
    assert len(names) == len(set(names))


def test_nothing_is_found_where_nothing_was_altered(place: Place) -> None:
    found = look_at_study(place)
    assert not found.gaps
    assert not found.changes


@pytest.mark.parametrize("cells", batches().values(), ids=batches())
def test_every_alteration_is_found_and_named(place: Place, cells: list[Cell]) -> None:
    try:
        names = [cell.alter(place) for cell in cells]
        found = cells[0].look(place)
    finally:
        place.restore()
    wrong = {
        cell.name: what
        for cell, named in zip(cells, names, strict=True)
        if (what := wrong_with(cell, named, found)) is not None
    }
    assert not wrong


def test_what_was_altered_is_put_back(place: Place) -> None:
    found = look_at_study(place)
    assert not found.gaps
