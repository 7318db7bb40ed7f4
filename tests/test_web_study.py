"""The study `web` on pages of known faults: each rule drops what it is for, and nothing else."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.file_names import DOCUMENTS
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.shards import read_tables, shard_files
from drills import warm
from tests.support.checkout import CHECKOUT
from tools.web_corpus import FILES, KINDS, Page, write

pytestmark = pytest.mark.slow
PAGES = 450
LEDGER = {"near": "near_duplicate", "respaced": "exact_duplicate", "secret": "secrets"}
CLEAN = {
    **LEDGER,
    "foreign": "other_language",
    "mislabelled": "other_language",
    "menu": "no_prose",
    "repeated": "no_prose",
    "short": "too_short",
    "ai": "ai_discourse",
}
"""Kind of page → the rule that drops it; all others are kept."""
Decision = Mapping[str, Any]


class Decided:
    """The study as far as its dispositions, and what is known of its pages."""

    def __init__(self, folder: Path) -> None:
        self.pages = write(folder / "data", PAGES)
        self.lake = Lake(Home(folder / "home").lake)
        environment = {
            "ALIGNMENT_ASSETS": str(CHECKOUT / "assets"),
            "ALIGNMENT_DATA": str(folder / "data"),
            "ALIGNMENT_HOME": str(folder / "home"),
        }
        done = warm.alignment("run", "web", "--to", "dispositions", environment=environment)
        assert done.returncode == 0, done.stderr
        size = -(-PAGES // FILES)
        self.ids = {
            int(row["path"].partition("train-")[2][:5]) * size + row["line"] - 1: row["document_id"]
            for row in self.read("documents").to_pylist()
        }
        """Number of the page → id of its document, of those that are the first of their text."""
        table = pq.read_table(self.artifact("documents").path / DOCUMENTS).to_pylist()
        aside = {row["document_id"] for row in table if row["held_out"] and not row["duplicate_of"]}
        families = {self.family(number) for number, one in self.ids.items() if one in aside}
        self.held_out = {number for number in self.ids if self.family(number) in families}

    def artifact(self, asset: str, partition: str | None = None) -> Artifact:
        (version,) = self.lake.versions("web", asset, partition)
        return self.lake.open("web", asset, partition, version)

    def read(self, table: str) -> pa.Table:
        """A table of the pages as they were read."""
        return read_tables(shard_files(self.artifact("raw_corpus", "web_pages"), table))

    def family(self, number: int) -> int:
        """The page that this one repeats or resembles; itself where it does neither."""
        original = self.pages[number].original
        return number if original is None else original

    def decisions(self, recipe: str) -> list[tuple[int, Page, Decision]]:
        """Number of each document's page, the page, and what became of it."""
        path = self.artifact("dispositions").path / recipe / "pretraining.parquet"
        rows = {row["document_id"]: row for row in pq.read_table(path).to_pylist()}
        return [(number, self.pages[number], rows[one]) for number, one in self.ids.items()]


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    return Decided(tmp_path_factory.mktemp("web"))


@pytest.mark.parametrize("recipe", ["web_clean", "web_replaced"])
def test_every_page_is_dropped_by_the_rule_for_its_fault(decided: Decided, recipe: str) -> None:
    rules = set()
    for number, page, found in decided.decisions(recipe):
        rule = "held_out" if number in decided.held_out else CLEAN.get(page.kind)
        assert (found["rule"], found["state"]) == (rule, "dropped" if rule else "kept"), page
        if rule in ("near_duplicate", "exact_duplicate"):
            assert found["cause"] == decided.ids[decided.family(number)]
        rules.add(rule)
    assert rules == {None, "held_out", *CLEAN.values()}


def test_without_rules_of_its_own_a_recipe_keeps_what_repeats_nothing(decided: Decided) -> None:
    for number, page, found in decided.decisions("web_as_found"):
        # pages in other languages are put together of few sentences: some are alike
        if number not in decided.held_out and page.kind not in ("foreign", "mislabelled"):
            assert found["rule"] == LEDGER.get(page.kind), page


def test_every_row_is_a_document_a_repeat_or_set_aside(decided: Decided) -> None:
    kinds = Counter(page.kind for page in decided.pages)
    assert min(kinds[kind] for kind in KINDS) > 0
    found = {table: decided.read(table).num_rows for table in ("repeats", "quarantine")}
    assert found == {"repeats": kinds["copy"], "quarantine": kinds["empty"]}
    assert len(decided.ids) == PAGES - kinds["copy"] - kinds["empty"]
