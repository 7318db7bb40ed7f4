"""One server and one browser for the walk; without chromium it is skipped."""

from collections.abc import Iterator

import pytest

from tests.support.ui import browser, served, ui_study


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[served.Served]:
    """`alignment ui` over a tiny study with hostile documents."""
    if browser.CHROMIUM is None:
        pytest.skip(browser.NONE_HERE)
    folder = tmp_path_factory.mktemp("ui")
    made = ui_study.make(folder / "study")
    with served.serve(made, folder / "servers.log") as running:
        yield running


@pytest.fixture(scope="module")
def tab(pages: served.Served) -> Iterator[browser.Watched]:
    """The tab that the walk goes through."""
    with browser.browser() as opened:
        yield browser.tab(opened)
