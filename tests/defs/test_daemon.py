"""Dagster's own daemon, in its own process: its schedule starts a refresh, which ends well."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alignment_dagster.graph.run_tags import STARTED_BY
from drills import warm
from drills.place import Place, create
from drills.soak.bench import WHOLE
from drills.soak.dagster_services import Services
from drills.soak.ends import FINISHED

pytestmark = pytest.mark.slow
EVERY_MINUTE = {"schedule": {"cron": "* * * * *"}}
LONGEST = 240.0
"""Seconds from the daemon's start to the end of the run."""
SCHEDULED = f'select status from runs where run_body like \'%"{STARTED_BY}": "schedule"%\''
TICKS = "select status from job_ticks where type = 'SCHEDULE'"
CHANGED = "Finn painted a boat at the lake."


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A study whose corpus is read and scored, and one of whose sources has changed since."""
    found = create(tmp_path, recipes=["unfiltered"], seeds=[0], refresh=EVERY_MINUTE)
    driver = warm.shared()
    found.start(driver, "run", **{**WHOLE, "last": "scored_corpus"})
    assert driver.end() == 0, found.log.read_text()[-3000:]
    with (found.study.data / "stories.jsonl").open("a") as lines:
        lines.write(json.dumps({"text": CHANGED}) + "\n")
    return found


@pytest.fixture
def daemon(place: Place) -> Iterator[Services]:
    services = Services(place)
    services.start("code server")
    services.start("daemon")
    yield services
    services.stop()


def told(place: Place, database: str, query: str) -> list[str]:
    path = place.home / "dagster" / database
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as opened:
        return [str(row[0]) for row in opened.execute(query)]


def test_the_schedule_of_a_running_daemon_refreshes_what_has_changed(
    place: Place, daemon: Services
) -> None:
    deadline, statuses = time.monotonic() + LONGEST, [""]
    while not statuses or not set(statuses) <= set(FINISHED):
        assert time.monotonic() < deadline, (place.folder / "daemon.log").read_text()[-3000:]
        assert daemon.processes["daemon"].poll() is None
        time.sleep(0.5)
        statuses = told(place, "history/runs.db", SCHEDULED)
    assert statuses == ["SUCCESS"]  # of five sources one has changed
    assert "SUCCESS" in told(place, "schedules/schedules.db", TICKS)
    entries = [json.loads(line) for line in (place.home / "lake/tiny/journal.jsonl").open()]
    read = [one for one in entries if (one["asset"], one["partition"]) == ("raw_corpus", "stories")]
    assert len(read) == 2
    scored = [one for one in entries if one["asset"] == "scored_corpus"][-1]
    assert scored["partition"] == "stories"
