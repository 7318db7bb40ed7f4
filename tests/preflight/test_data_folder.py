"""A data folder that is not there is said once, and not of every source."""

import pytest

from drills import warm
from tests.support.tiny_study import NAME, TinyStudy


@pytest.mark.parametrize(
    ("folder", "said"),
    [("/nonexistent", "ALIGNMENT_DATA: there is no folder /nonexistent"),
     ("", "set ALIGNMENT_DATA to the folder that holds the data")],
)  # fmt: skip
def test_a_missing_data_folder_is_one_sentence(tiny: TinyStudy, folder: str, said: str) -> None:
    done = warm.alignment("run", NAME, environment={"ALIGNMENT_DATA": folder})
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"error: study {NAME}: {said}"]
    assert not (tiny.assets.parent / "home" / "lake").exists()
