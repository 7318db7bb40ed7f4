"""The README is short, and every link of the pages leads somewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from alignment_dagster.chain import EVALUATION
from alignment_dagster.lineage.mlflow_tags import ASSET, RECIPE, STUDY, place_tags
from tests.docs.documents import DOCS, PAGES, README, anchors, local_links
from tests.support.checkout import CHECKOUT

LONGEST = 8192


def test_the_readme_is_short() -> None:
    assert len(README.read_bytes()) < LONGEST


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in local_links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_or_the_index_leads_to_every_page() -> None:
    index = DOCS / "index.md"
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in (README, index)
        for link in local_links(page)
    }
    assert set(DOCS.glob("*.md")) - linked == {index}


def test_what_the_walk_through_mlflow_filters_and_groups_by_are_tags_of_an_evaluation() -> None:
    walk = (DOCS / "first-hour.md").read_text(encoding="utf-8")
    tags = place_tags("some_study", EVALUATION, "plain|0")
    assert f"`tags.{ASSET} = '{tags[ASSET]}'`" in walk
    for name in (STUDY, RECIPE):
        assert name in tags
        assert f"`{name}`" in walk


def test_the_pages_are_built(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").is_file()
