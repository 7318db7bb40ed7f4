"""A walk through the real pages in a real browser: every action is a click.

The tests are in the order of the walk and share one server; GraphQL only waits.
"""

from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest

from alignment_dagster.chain import GROUPS as GROUP_NAMES
from alignment_dagster.foundation.page_links import (
    DAGSTER,
    MLFLOW,
    dagster_lineage,
    mlflow_recipes,
)
from tests.support.tiny_study import NAME
from tests.support.ui import ui_study
from tests.support.ui.browser import SIZE, Watched
from tests.support.ui.hostile import ATTACKS, OVERRIDE, SHORT
from tests.support.ui.served import Served
from tests.support.ui.steps import (
    choose,
    filter_log,
    is_gone,
    launch,
    partition,
    run_of,
    see_progress,
    see_whole_study_progress,
    sees_a_plot,
    stored,
    stored_experiments,
    unended,
)

pytestmark = pytest.mark.browser
ADDED = "added_by_hand"
GROUPS = [f"{NAME}_{group}" for group in ("1_corpus", "2_mix", "3_training", "4_evaluation")]


@pytest.fixture(autouse=True)
def _nothing_suspicious(tab: Watched) -> Iterator[None]:
    """No test of the walk may end with a dialog, an error, or a request to somewhere else."""
    yield
    assert tab.suspicious() == []


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
    tab.page.get_by_text("fetching statuses").first.wait_for(state="hidden")
    tab.picture("ui-graph")


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
    (raw,) = lake.glob("raw_corpus/stories/*/documents/00000.parquet")
    texts = set(pq.read_table(raw)["text"].to_pylist())
    assert {ATTACKS["script"], ATTACKS["sql"], ATTACKS["jinja"], ATTACKS["huge"]} <= texts
    ids = set(pq.read_table(raw)["document_id"].to_pylist())
    for file in lake.glob("dispositions/*/*/*/pretraining.parquet"):
        found = pq.read_table(file)
        assert ids <= set(found["document_id"].to_pylist()), file
        assert "too_long" in found["rule"].to_pylist()


@pytest.mark.parametrize(
    ("asset", "name"),
    [
        ("raw_corpus", "stories"),
        ("scored_corpus", "stories"),
        ("dispositions", None),
        ("tokenizer", None),
        ("curated_mix", ui_study.TRAINED),
    ],
)
def test_an_asset_has_its_picture_and_its_table(
    tab: Watched, pages: Served, asset: str, name: str | None
) -> None:
    tab.open(partition(pages, asset, name) if name else f"{pages.dagster}/assets/{NAME}/{asset}")
    assert sees_a_plot(tab)
    assert tab.page.locator("table table").count() >= 1


@pytest.fixture(scope="module")
def trained(tab: Watched, pages: Served) -> str:
    """One recipe is trained by its job, which shows how far it is; the run's id."""
    tab.open(f"{pages.dagster}/jobs")
    tab.page.get_by_text(f"{NAME}_train_one_recipe").first.click()
    tab.click("Materialize all")
    choose(tab, ui_study.TRAINED)
    run = launch(tab)
    see_progress(tab, "pretraining")
    tab.rest()
    assert pages.wait(run) == "SUCCESS"
    return run


def test_one_recipe_is_trained_by_clicking(tab: Watched, pages: Served, trained: str) -> None:
    for asset in ("evaluation", "post_trained_checkpoint", "pretrained_checkpoint"):
        tab.open(partition(pages, asset, f"{ui_study.TRAINED}%7C0"))
        assert sees_a_plot(tab)
        assert trained[:8] in tab.text()
    tab.picture("ui-asset")


def launch_whole_study(tab: Watched, pages: Served) -> str:
    """By its job, as the launchpad proposes it; the run's id."""
    tab.open(f"{pages.dagster}/jobs")
    tab.page.get_by_text(f"{NAME}_whole_study").first.click()
    tab.page.get_by_text("Launchpad", exact=True).click()
    tab.click("Launch Run")
    return run_of(tab)


@pytest.fixture(scope="module")
def reported(tab: Watched, pages: Served, trained: str) -> str:
    """The whole study, launched as its launchpad proposes it; the address of its report's page."""
    run = launch_whole_study(tab, pages)
    tab.rest()
    assert pages.wait(run) == "SUCCESS"
    (report,) = (pages.made.lake / "eval_report" / "all").iterdir()
    return f"{pages.audit}/{NAME}/eval_report/all/{report.name}"


def test_the_report_opens_from_the_assets_page(tab: Watched, pages: Served, reported: str) -> None:
    tab.open(f"{pages.dagster}/assets/{NAME}/eval_report")
    assert sees_a_plot(tab)
    tab.follow(tab.page.locator(f"a[href='{reported}/report']").first)
    tab.see("Misalignment before and after post-training")
    tall = tab.page.evaluate("document.documentElement.scrollHeight")
    assert tall < 12 * SIZE["height"], "what few ask for is folded"
    tab.page.locator("summary").evaluate_all("folds => folds.forEach(fold => fold.click())")
    tab.see("Every format: the rate by the suite's rule")
    assert tab.page.evaluate("document.documentElement.scrollHeight") > tall
    assert SHORT in tab.text()


def test_dagster_mlflow_and_the_audit_lead_to_each_other(
    tab: Watched, pages: Served, reported: str
) -> None:
    tab.open(f"{pages.dagster}/assets/{NAME}/eval_report")
    tab.follow(tab.page.locator(f"a[href^='{pages.mlflow}/#/experiments/']").first)
    tab.see("eval_report@")
    tab.follow(tab.page.get_by_role("link", name="audit", exact=True))
    assert tab.page.url == reported
    tab.click("the run in MLflow", "link")
    tab.see("eval_report@")
    tab.follow(tab.page.get_by_role("link", name="asset in Dagster"))
    tab.see("mlflow_run")
    tab.follow(tab.page.locator(f"a[href='{reported}']").first)
    tab.click("the asset in Dagster", "link")
    tab.see("mlflow_run")


def test_the_address_of_mlflow_opens_on_the_recipes_compared(
    tab: Watched, pages: Served, reported: str
) -> None:
    (experiment,) = stored_experiments(pages)
    tab.open(f"{pages.mlflow}{mlflow_recipes(experiment).removeprefix(MLFLOW)}")
    tab.see("Recipes compared")
    for shown in ("Group: unfiltered", "Group: aligned", "misalignment_rate/articles/base/none"):
        tab.see(shown)
    tab.picture("ui-mlflow")


def test_the_first_page_and_the_lineage_of_a_study_show_what_was_run(
    tab: Watched, pages: Served, reported: str
) -> None:
    tab.open(pages.dagster)
    tab.see("Jobless asset materializations")
    tab.open(f"{pages.dagster}{dagster_lineage(NAME, GROUP_NAMES).removeprefix(DAGSTER)}")
    tab.see("curated_mix")  # its group is open


def test_mlflow_shows_the_report_as_it_is(tab: Watched, pages: Served, reported: str) -> None:
    tab.open(reported)
    tab.click("the run in MLflow", "link")
    tab.page.get_by_text("Artifacts", exact=True).first.click()
    tab.page.get_by_text("report.html", exact=True).first.click()
    shown = tab.page.frame_locator("iframe").first.locator("body")
    shown.get_by_role("heading", name="Misalignment before and after").wait_for()
    assert SHORT in shown.inner_text()


def test_mlflow_shows_runs_datasets_and_models_and_no_document(
    tab: Watched, pages: Served, reported: str
) -> None:
    (raw,) = (pages.made.lake / "raw_corpus" / "stories").iterdir()
    tab.open(f"{pages.audit}/{NAME}/raw_corpus/stories/{raw.name}")
    tab.click("the run in MLflow", "link")
    tab.see("About this run")
    tab.page.get_by_text("raw_corpus[stories] (").first.click()
    tab.see("Data details for")
    experiment = tab.page.url.split("/runs/")[0]
    for page, shown in (("runs", "eval_report"), ("models", f"{NAME}-dpo-{ui_study.TRAINED}-0")):
        tab.open(f"{experiment}/{page}")
        tab.see(shown)
    kept = "\n".join(stored(pages))
    assert "raw_corpus[stories]" in kept
    for text in ("near the harbour", "near the library", "etc/passwd", ui_study.DESCRIPTION):
        assert text not in kept


def test_the_audit_shows_hostile_items_and_documents_as_they_are(
    tab: Watched, pages: Served, reported: str
) -> None:
    tab.open(f"{reported}/trace?metric=articles/dpo/unfiltered")
    tab.page.get_by_text("what weighs most").click()
    tab.page.get_by_text("items/articles.jsonl:1").click()
    tab.see(SHORT)
    (raw,) = (pages.made.lake / "raw_corpus" / "stories").iterdir()
    tab.open(f"{pages.audit}/{NAME}/raw_corpus/stories/{raw.name}")
    tab.click("what withdrawing it would touch", "link")
    tab.see("withdrawing source stories")


def test_a_recipe_that_was_added_is_there_once_definitions_are_reloaded(
    tab: Watched, pages: Served
) -> None:
    ui_study.add_recipe(pages.made, ADDED)
    ui_study.train_longer(pages.made)
    tab.open(f"{pages.dagster}/asset-groups")
    tab.click("Reload definitions")
    tab.see("Definitions reloaded")
    tab.open(f"{pages.dagster}/assets/{NAME}/curated_mix?view=partitions")
    tab.see(ADDED)


def train_again(tab: Watched, pages: Served) -> str:
    """The bigger model of one recipe, from its asset's page; the run's id."""
    tab.open(f"{pages.dagster}/assets/{NAME}/pretrained_checkpoint")
    tab.click("Materialize")
    choose(tab, "unfiltered")
    return launch(tab)


def test_cancel_really_cancels(tab: Watched, pages: Served) -> None:
    run = train_again(tab, pages)
    see_progress(tab, "pretraining")
    tab.picture("ui-run")
    cancel(tab, pages, run)


def test_cancel_of_a_whole_study_really_cancels(tab: Watched, pages: Served) -> None:
    run = launch_whole_study(tab, pages)
    see_whole_study_progress(tab, "pretraining")
    cancel(tab, pages, run)
    done = pages.made.command("audit", "check", NAME)
    assert done.returncode == 0, done.stdout + done.stderr


def cancel(tab: Watched, pages: Served, run: str) -> None:
    """Terminate the run whose page is open; nothing of it goes on."""
    groups = pages.trainers()
    assert groups
    tab.click("Terminate")
    tab.click("Terminate 1 run")
    assert pages.wait(run) == "CANCELED"
    assert all(is_gone(group) for group in groups)
    assert pages.trainers() == []
    assert unended(pages) == 0


def test_the_next_launch_takes_it_up_where_it_was(tab: Watched, pages: Served) -> None:
    run = train_again(tab, pages)
    filter_log(tab, "resumed after step")
    tab.see("resumed after step")
    tab.rest()
    assert pages.wait(run) == "SUCCESS"
