"""A hostile page in the user's browser, beside the pages of `alignment ui`, gets nowhere.

The browser is a real one, and so are the servers: what a browser lets a page send is not guessed.
"""

from collections.abc import Iterator

import pytest
from mlflow import MlflowClient
from playwright.sync_api import Browser

from tests.support.ui import browser
from tests.support.ui.hostile_page import NAME, TRIES, serve_hostile_page
from tests.support.ui.idle import add_run, is_untouched, serve_idle
from tests.support.ui.served import Served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if browser.CHROMIUM is None:
        pytest.skip(browser.NONE_HERE)
    with serve_idle(tmp_path_factory.mktemp("ui")) as running:
        yield running


@pytest.fixture(scope="module")
def opened(pages: Served) -> Iterator[Browser]:
    with browser.browser() as chromium:
        yield chromium


@pytest.mark.parametrize("name", [NAME, "127.0.0.1"], ids=["another name", "another port"])
def test_a_hostile_page_changes_nothing_and_reads_nothing(
    opened: Browser, pages: Served, name: str
) -> None:
    runs = [add_run(pages) for _ in range(TRIES)]
    with serve_hostile_page(pages, runs) as port:
        page = opened.new_page()
        page.goto(f"http://{name}:{port}/")
        seen = page.evaluate("attack()")
        framed = [one.url for one in page.frames if one != page.main_frame]
        page.close()
    assert is_untouched(pages, runs)
    assert seen == [], "no answer could be read, no WebSocket opened"
    assert not any(url.startswith("http") for url in framed), "no page of ours in a frame"
    known = [one.name for one in MlflowClient(pages.mlflow).search_experiments()]
    assert not any(one.startswith("theirs") for one in known)


@pytest.mark.parametrize("server", ["dagster", "mlflow", "audit"])
@pytest.mark.parametrize("name", [NAME, f"10.{NAME}"])
def test_a_name_that_resolves_to_this_machine_leads_nowhere(
    opened: Browser, pages: Served, server: str, name: str
) -> None:
    address = getattr(pages, server)
    page = opened.new_page()
    refused = page.goto(address.replace("127.0.0.1", name))
    assert refused is not None
    assert refused.status == 403
    page.close()


@pytest.mark.parametrize(
    ("server", "shown"), [("dagster", "Overview"), ("mlflow", "Experiments"), ("audit", "Nothing")]
)
def test_a_link_in_another_sites_page_opens_the_page_it_names(
    opened: Browser, pages: Served, server: str, shown: str
) -> None:
    with serve_hostile_page(pages, ["none"] * TRIES) as port:
        tab = browser.tab(opened)
        tab.open(f"http://{NAME}:{port}/")
        link = f"<a href='{getattr(pages, server)}/'>there</a>"
        tab.page.evaluate("html => document.body.innerHTML = html", link)
        tab.click("there", "link")
        tab.see(shown)
        tab.page.close()
