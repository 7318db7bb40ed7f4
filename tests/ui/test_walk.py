"""A walk through the real pages in a real browser: every action is a click.

The tests are in the order of the walk and share one server; GraphQL only waits.
"""

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest
import ui_study
from browser import Watched
from hostile import ATTACKS, OVERRIDE
from served import Served
from tiny_study import NAME

pytestmark = pytest.mark.browser
ADDED = "added_by_hand"
GROUPS = [f"{NAME}_{group}" for group in ("1_corpus", "2_mix", "3_training", "4_evaluation")]
TRAINER = "alignment_dagster.training.pretrain"


@pytest.fixture(autouse=True)
def _nothing_suspicious(tab: Watched) -> Iterator[None]:
    """No test of the walk may end with a dialog, an error, or a request to somewhere else."""
    yield
    assert tab.suspicious() == []


def choose(tab: Watched, recipe: str) -> None:
    """Choose a recipe and every seed in the dialog that Materialize opens."""
    tab.page.get_by_text("Select a partition or create one").first.click()
    tab.page.get_by_text(recipe, exact=True).locator("visible=true").last.click()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="All", exact=True).last.click()


def launch(tab: Watched, button: str) -> str:
    """Launch, and follow the message to the run's page; the run's id."""
    tab.click(button)
    tab.page.get_by_text("View", exact=True).last.click()
    tab.page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    return re.findall(r"/runs/([0-9a-f-]{36})", tab.page.url)[0]


def partition(served: Served, asset: str, name: str) -> str:
    return f"{served.dagster}/assets/{NAME}/{asset}?view=partitions&partition={name}"


def sees_a_plot(tab: Watched) -> bool:
    """Open the picture (Dagster folds Markdown of more than 1,000 characters) and look at it."""
    row = tab.page.locator("tr").filter(has=tab.page.get_by_text("plot", exact=True)).last
    row.get_by_text("[Show Markdown]").click()
    picture = tab.page.locator("img[src^='data:image/png']").last
    picture.wait_for()
    drawn = picture.evaluate("one => one.decode().then(() => one.naturalWidth > 100)")
    tab.page.keyboard.press("Escape")
    return bool(drawn)


def test_the_graph_shows_the_groups_in_the_order_of_the_chain(tab: Watched, pages: Served) -> None:
    tab.open(pages.dagster)
    tab.click("Lineage", "link")
    found = []
    for group in GROUPS:
        box = tab.page.get_by_text(group, exact=True).locator("visible=true").last
        box.wait_for()
        place = box.bounding_box()
        assert place is not None
        found.append(place["x"])
    assert found == sorted(found), "from left to right"


def test_documents_are_shown_as_they_are_and_do_nothing(tab: Watched, pages: Served) -> None:
    tab.open(partition(pages, "raw_corpus", "stories"))
    tab.see("first_documents")
    tab.see("said Ann near the harbour")
    text = tab.text()
    assert ATTACKS["script"] in text
    assert ATTACKS["image"] in text
    assert "![y](http://127.0.0.1:9/y.png)" in text
    assert "\\." not in text
    assert not set("\u001b\u0007\u2066\u2069" + OVERRIDE) & set(text)
    links = tab.page.locator("table a").evaluate_all("all => all.map(one => one.href)")
    assert all(link.startswith("http://127.0.0.1:") for link in links if link)
    assert not any(":9/" in link or "a.example" in link for link in links)


def test_no_document_is_lost_on_the_way(pages: Served) -> None:
    lake = pages.made.lake
    (raw,) = lake.glob("raw_corpus/stories/*/documents.parquet")
    texts = set(pq.read_table(raw)["text"].to_pylist())
    assert {ATTACKS["script"], ATTACKS["sql"], ATTACKS["jinja"], ATTACKS["huge"]} <= texts
    ids = set(pq.read_table(raw)["document_id"].to_pylist())
    for file in lake.glob("dispositions/*/*/*/pretraining.parquet"):
        found = pq.read_table(file)
        assert ids <= set(found["document_id"].to_pylist()), file
        assert "too_long" in found["rule"].to_pylist()


@pytest.mark.parametrize(
    ("asset", "name"), [("scored_corpus", "stories"), ("curated_mix", ui_study.TRAINED)]
)
def test_an_asset_has_its_picture_and_its_table(
    tab: Watched, pages: Served, asset: str, name: str
) -> None:
    tab.open(partition(pages, asset, name))
    assert sees_a_plot(tab)
    assert tab.page.locator("table table").count() >= 1


@pytest.fixture(scope="module")
def trained(tab: Watched, pages: Served) -> str:
    """One recipe is trained by its job; the run's id."""
    tab.open(f"{pages.dagster}/jobs")
    tab.page.get_by_text(f"{NAME}_train_one_recipe").click()
    tab.click("Materialize all")
    choose(tab, ui_study.TRAINED)
    run = launch(tab, "Launch 1 run")
    tab.see("pretraining: ")
    assert pages.wait(run) == "SUCCESS"
    return run


def test_one_recipe_is_trained_by_clicking(tab: Watched, pages: Served, trained: str) -> None:
    for asset in ("pretrained_checkpoint", "post_trained_checkpoint", "evaluation"):
        tab.open(partition(pages, asset, f"{ui_study.TRAINED}%7C0"))
        assert sees_a_plot(tab)
        assert trained[:8] in tab.text()


@pytest.fixture(scope="module")
def reported(tab: Watched, pages: Served, trained: str) -> str:
    """The whole study, launched as its launchpad proposes it; the run's id."""
    tab.open(f"{pages.dagster}/jobs")
    tab.page.get_by_text(f"{NAME}_whole_study").click()
    tab.page.get_by_text("Launchpad", exact=True).click()
    run = launch(tab, "Launch Run")
    assert pages.wait(run) == "SUCCESS"
    return run


def test_the_report_opens_from_the_assets_page(tab: Watched, pages: Served, reported: str) -> None:
    tab.open(f"{pages.dagster}/assets/{NAME}/eval_report")
    assert sees_a_plot(tab)
    link = tab.page.locator(f"a[href^='{pages.audit}'][href$='/report']").first
    tab.open(link.get_attribute("href") or "")
    tab.see("Misalignment before and after post-training")


def test_mlflow_and_the_audit_open_from_the_assets_page(
    tab: Watched, pages: Served, reported: str
) -> None:
    tab.open(f"{pages.dagster}/assets/{NAME}/eval_report")
    link = tab.page.locator(f"a[href^='{pages.mlflow}/#/runs/']").first
    mlflow = link.get_attribute("href") or ""
    audit = tab.page.locator(f"a[href^='{pages.audit}']").first.get_attribute("href") or ""
    tab.open(mlflow)
    tab.see("eval_report")
    tab.open(audit)
    tab.page.get_by_role("link", name="the report itself").wait_for()
    tab.page.get_by_role("link", name="the asset in Dagster").click()
    tab.see("eval_report")


def test_the_answers_to_hostile_items_are_shown_as_they_are(
    tab: Watched, pages: Served, reported: str
) -> None:
    tab.open(f"{pages.audit}/{NAME}/raw_corpus/stories/{current(pages, 'raw_corpus/stories')}")
    tab.page.get_by_role("link", name="what withdrawing it would touch").click()
    tab.see("stories")
    report = current(pages, "eval_report/all")
    tab.open(f"{pages.audit}/{NAME}/eval_report/all/{report}/trace?metric=articles/dpo/unfiltered")
    tab.see("<script>alert(1)</script>")


def current(pages: Served, place: str) -> str:
    """The version of an artifact that was made once."""
    (found,) = (pages.made.lake / place).iterdir()
    return found.name


def test_a_recipe_that_was_added_is_there_once_definitions_are_reloaded(
    tab: Watched, pages: Served
) -> None:
    ui_study.add_recipe(pages.made, ADDED)
    ui_study.train_longer(pages.made)
    tab.open(f"{pages.dagster}/asset-groups")
    tab.click("Reload definitions")
    for _ in range(20):
        tab.open(f"{pages.dagster}/assets/{NAME}/curated_mix?view=partitions")
        tab.see(ui_study.TRAINED)
        if ADDED in tab.text():
            break
        time.sleep(2.0)
    tab.see(ADDED)


def test_cancel_really_cancels(tab: Watched, pages: Served) -> None:
    tab.open(f"{pages.dagster}/assets/{NAME}/pretrained_checkpoint")
    tab.click("Materialize")
    choose(tab, "unfiltered")
    run = launch(tab, "Launch 1 run")
    tab.see("pretraining: ")
    trainers = pages.processes(TRAINER)
    assert trainers
    groups = {os.getpgid(one.pid) for one in trainers}
    tab.click("Terminate")
    tab.click("Terminate 1 run")
    assert pages.wait(run) == "CANCELED"
    for group in groups:
        assert is_gone(group)
    assert unended(pages) == 0


def is_gone(group: int) -> bool:
    """Whether a process group ends within ten seconds."""
    for _ in range(50):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, 0)
            time.sleep(0.2)
            continue
        return True
    return False


def unended(pages: Served) -> int:
    """MLflow runs that are still running."""
    with contextlib.closing(sqlite3.connect(pages.made.home.root / "mlflow.db")) as database:
        rows = database.execute("select count(*) from runs where status = 'RUNNING'")
        return int(rows.fetchone()[0])
