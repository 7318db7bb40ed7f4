"""What a person does and looks at on Dagster's pages, in the walk through them."""

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Iterator

from tests.support.tiny_study import NAME
from tests.support.ui.browser import Watched
from tests.support.ui.served import Served

RUN = re.compile(r"/runs/([0-9a-f-]{36})")
ENDING = 30.0
"""Seconds that a process group may take to end."""


def choose(tab: Watched, recipe: str) -> None:
    """Choose a recipe and every seed in the dialog that Materialize opens."""
    tab.page.get_by_text("Select a partition or create one").first.click()
    tab.see("Select all")
    tab.page.get_by_text(recipe, exact=True).locator("visible=true").last.click()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="All", exact=True).last.click()


def launch(tab: Watched) -> str:
    """Launch what was chosen, and follow the message to the run's page; the run's id."""
    tab.click("Launch 1 run")
    tab.page.get_by_text("View", exact=True).last.click()
    return run_of(tab)


def run_of(tab: Watched) -> str:
    """The run whose page is being opened."""
    tab.page.wait_for_url(RUN)
    return str(RUN.findall(tab.page.url)[0])


def filter_log(tab: Watched, text: str) -> None:
    """Show only what says this in a run's log, which scrolls on by itself."""
    tab.page.get_by_placeholder("Filter…").fill(text)


def see_progress(tab: Watched, stage: str) -> None:
    """Look for a stage's progress in the run's log."""
    filter_log(tab, f"{stage}: ")
    tab.page.get_by_text(re.compile(rf"^{stage}: [\d,]+ of [\d,]+ ")).first.wait_for()


def see_whole_study_progress(tab: Watched, stage: str) -> None:
    """The same in the log of a whole study's run, which has a line for each artifact."""
    filter_log(tab, f"({stage})")
    speed = r"[\d:]+ left, loss [\d.]+, [\d,]+ tokens/s, learning rate .+"
    line = rf"^· .+: [\d,]+ of [\d,]+ steps \({stage}\), {speed}$"
    tab.page.get_by_text(re.compile(line)).first.wait_for()


def partition(served: Served, asset: str, name: str) -> str:
    return f"{served.dagster}/assets/{NAME}/{asset}?view=partitions&partition={name}"


def sees_a_plot(tab: Watched) -> bool:
    """Look at the picture, which is there without a click."""
    row = tab.page.locator("tr").filter(has=tab.page.get_by_text("plot", exact=True)).last
    picture = row.locator("img[src^='data:image/svg+xml']")
    picture.wait_for()
    return bool(picture.evaluate("one => one.decode().then(() => one.naturalWidth > 100)"))


def is_gone(group: int) -> bool:
    """Whether a process group ends in time."""
    deadline = time.monotonic() + ENDING
    while time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, 0)
            time.sleep(0.2)
            continue
        return True
    return False


def stored(served: Served) -> Iterator[str]:
    """All that MLflow's database holds, as SQL."""
    with contextlib.closing(sqlite3.connect(served.made.home.root / "mlflow.db")) as database:
        yield from database.iterdump()


def stored_experiments(served: Served) -> list[str]:
    """The ids of the experiments that MLflow's pages list."""
    query = "select experiment_id from experiments where lifecycle_stage = 'active'"
    with contextlib.closing(sqlite3.connect(served.made.home.root / "mlflow.db")) as database:
        return [str(one) for (one,) in database.execute(query).fetchall()]


def unended(served: Served) -> int:
    """MLflow runs that are still running."""
    with contextlib.closing(sqlite3.connect(served.made.home.root / "mlflow.db")) as database:
        rows = database.execute("select count(*) from runs where status = 'RUNNING'")
        return int(rows.fetchone()[0])
