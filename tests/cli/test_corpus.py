"""`alignment corpus`: the answers at a terminal, as JSON, and as a page."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alignment_dagster.cli.main import app
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.page_links import audit_corpus
from tests.support import decided_lake
from tests.support.decided_lake import document_id
from tests.support.record_lake import STUDY


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return decided_lake.make(tmp_path_factory.mktemp("lake"))[0]


@pytest.fixture(autouse=True)
def at_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGNMENT_HOME", str(home.root))


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["corpus", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize(
    "asked",
    [
        ("quarantine", STUDY),
        ("why", STUDY, "stories.jsonl:2"),
        ("diff", STUDY, "plain", "strict"),
        ("thresholds", STUDY),
        ("thresholds", STUDY, "metadata.age"),
    ],
    ids=" ".join,
)
def test_an_answer_is_told_as_json_and_as_a_page_and_harmless_everywhere(
    asked: tuple[str, ...], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert json.loads(said(*asked, "--json", "--html", str(page)))
    assert "<script>" not in page.read_text()
    assert not set(said(*asked)) & {"\u202e"}
    assert "\x1b[2J" not in said(*asked)


def test_one_recipe_and_one_source_can_be_chosen() -> None:
    told = json.loads(said("why", STUDY, document_id("web", 2), "--recipe", "strict", "--json"))
    assert list(told["recipes"]) == ["strict"]
    told = json.loads(said("quarantine", STUDY, "--source", "stories", "--json"))
    assert [one["source"] for one in told["sources"]] == ["stories"]


def test_browse_says_where_the_page_is() -> None:
    address = audit_corpus(STUDY, {"recipe": "strict"})
    assert said("browse", STUDY, "--recipe", "strict").strip() == address
    with pytest.raises(ArtifactError, match="no recipe 'strickt'"):
        said("browse", STUDY, "--recipe", "strickt")
