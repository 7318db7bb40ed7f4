"""No two jobs are on one accelerator; those that need several get them, too."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from alignment_dagster.engines import accelerators
from alignment_dagster.engines.accelerators import VISIBLE, held_accelerators
from alignment_dagster.foundation.errors import AlignmentError


class Stopped(Exception):
    """Raised by who does not wait any more."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "POLL_SECONDS", 0.01)
    monkeypatch.delenv(VISIBLE, raising=False)


def most_at_once(home: Path, there: int | None, wanted: Sequence[int]) -> int:
    """Run jobs that need so many each; every one has those that it is shown for itself alone."""
    used: list[str] = []
    counts: list[int] = []
    guard = threading.Lock()

    def job(number: int) -> None:
        with held_accelerators(home, there, number, lambda: None) as shown:
            own = shown[VISIBLE].split(",") if there else ["all"]
            with guard:
                assert not set(own) & set(used)
                assert len(own) == number or not there
                used.extend(own)
                counts.append(len(used))
            time.sleep(0.05)
            with guard:
                used[:] = [one for one in used if one not in own]
            done.append(number)

    done: list[int] = []
    threads = [threading.Thread(target=job, args=(number,)) for number in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(done) == sorted(wanted)
    return max(counts)


def test_jobs_run_side_by_side_on_accelerators_of_their_own(tmp_path: Path) -> None:
    assert most_at_once(tmp_path, 3, [1, 1, 2, 1, 3, 1, 2, 1]) > 1


def test_without_a_number_there_is_one_job_at_a_time(tmp_path: Path) -> None:
    assert most_at_once(tmp_path, None, [1, 2, 1]) == 1


def test_whoever_waits_can_be_stopped_and_holds_nothing(tmp_path: Path) -> None:
    def stop() -> None:
        raise Stopped

    with held_accelerators(tmp_path, 2, 1, lambda: None):
        with pytest.raises(Stopped), held_accelerators(tmp_path, 2, 2, stop):
            pass
        with held_accelerators(tmp_path, 2, 1, stop) as shown:
            assert shown == {VISIBLE: "1"}


def test_the_ones_that_the_environment_shows_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "4,GPU-5")
    with held_accelerators(tmp_path, 2, 2, lambda: None) as shown:
        assert shown == {VISIBLE: "4,GPU-5"}
    with (
        pytest.raises(AlignmentError, match=r"gpus: 3 are more than CUDA_VISIBLE_DEVICES=4,GPU-5"),
        held_accelerators(tmp_path, 3, 3, lambda: None),
    ):
        pass


@pytest.mark.parametrize(
    ("ranks", "there", "shown"), [(4, 2, "0,1"), (3, 2, "0"), (6, 4, "0,1,2"), (2, 8, "0,1")]
)
def test_ranks_share_the_accelerators_that_divide_them(
    tmp_path: Path, ranks: int, there: int, shown: str
) -> None:
    with held_accelerators(tmp_path, there, ranks, lambda: None) as variables:
        assert variables == {VISIBLE: shown}
