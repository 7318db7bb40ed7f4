"""The journal says what is current; an event that anybody added to Dagster is refused by name."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from alignment_dagster.foundation.digests import canonical_json
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.current import Current, current_version, find_current
from alignment_dagster.lineage.journal import JOURNAL
from alignment_dagster.lineage.journal_lines import ACKNOWLEDGED, NewRemark
from alignment_dagster.lineage.lake import Lake
from tests.support.reported import (
    ASSET,
    FOREIGN,
    STUDY,
    VERSION_1,
    VERSION_2,
    became_current,
    note,
    tell,
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "home" / "lake")


@pytest.fixture
def instance(lake: Lake, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One version became current, and a second one."""
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as made:
        became_current(made, lake, VERSION_1)
        became_current(made, lake, VERSION_2)
        yield made


def test_an_event_that_anybody_added_to_dagster_is_refused_and_both_versions_named(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    assert current_version(instance, lake, STUDY, ASSET, None) == VERSION_2
    tell(instance, FOREIGN)
    with pytest.raises(ArtifactError, match=f"(?s){VERSION_2}.*{FOREIGN}.*acknowledge {STUDY}"):
        current_version(instance, lake, STUDY, ASSET, None)


@pytest.mark.parametrize("version", ["../../../elsewhere", "", "1" * 15, "G" * 16, "1" * 16 + "\n"])
def test_a_version_is_sixteen_hex_digits_before_it_becomes_a_path(lake: Lake, version: str) -> None:
    for use in (lake.read, lake.open, lake.has):
        with pytest.raises(ArtifactError, match="is no version"):
            use(STUDY, ASSET, None, version)


def test_where_dagster_lost_the_event_the_journal_holds_and_it_is_to_be_reported_again(
    instance: dg.DagsterInstance, lake: Lake, tmp_path: Path
) -> None:
    assert find_current(instance, lake, STUDY, ASSET, None) == Current(VERSION_2, reported=True)
    note(lake, FOREIGN, run="killed before its event")
    assert find_current(instance, lake, STUDY, ASSET, None) == Current(FOREIGN, reported=False)
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as lost:
        assert find_current(lost, lake, STUDY, ASSET, None) == Current(FOREIGN, reported=False)


def test_a_line_that_somebody_wrote_without_the_key_is_refused_until_it_is_acknowledged(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    note(lake, VERSION_1)
    path = lake.root / STUDY / JOURNAL
    *before, line = path.read_text().splitlines()
    unsigned = {name: value for name, value in json.loads(line).items() if "sign" not in name}
    path.write_text("\n".join([*before, canonical_json(unsigned), ""]))
    with pytest.raises(ArtifactError, match=r"line 3 .* is not signed"):
        current_version(instance, lake, STUDY, ASSET, None)
    with pytest.raises(ArtifactError, match=r"line 3 .* is not signed"):
        note(lake, VERSION_1)
    lake.journal(STUDY).append(NewRemark(ACKNOWLEDGED, (), "known"))
    assert current_version(instance, lake, STUDY, ASSET, None) == VERSION_1
