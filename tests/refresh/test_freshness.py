"""Freshness knows partitions: what was looked at and found unchanged is fresh without a reading."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alignment_dagster import chain
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.journal_lines import NewEntry
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.refresh.freshness import Age, corpus_ages, report_age, sentence
from alignment_dagster.refresh.source_looks import looks_file, read_looks
from tests.support.audited_study import Audited
from tests.support.tiny_study import NAME, TinyStudy

HOUR = timedelta(hours=1)


@pytest.fixture
def home(tiny: TinyStudy, tmp_path: Path) -> Home:
    """Every source but the last was just read."""
    home = Home(tmp_path / "home")
    for source in tiny.load().sources[:-1]:
        Lake(home.lake).journal(NAME).append(
            NewEntry(chain.RAW_CORPUS, source.name, "v", "d", "r", "run", False)
        )
    return home


def look(home: Home, source: str, hours: float, *, changed: bool) -> None:
    """A look so many hours from now, as the refresh writes it down."""
    path = looks_file(home, NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    time = (datetime.now(UTC) + hours * HOUR).isoformat(timespec="seconds")
    row = {"time": time, "source": source, "digest": "d", "changed": changed}
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(row) + "\n")


def ages(tiny: TinyStudy, home: Home) -> Mapping[str, Age]:
    return {age.name: age for age in corpus_ages(tiny.load(), home)}


def stale(tiny: TinyStudy, home: Home, hours: float) -> set[str]:
    """What is older than five hours, so many hours from now."""
    now = datetime.now(UTC) + hours * HOUR
    return {age.name for age in ages(tiny, home).values() if age.is_stale(now, 5.0)}


def test_what_was_read_goes_stale_by_name_and_what_never_was_is_stale(
    tiny: TinyStudy, home: Home
) -> None:
    last = tiny.load().sources[-1].name
    assert stale(tiny, home, 4.9) == {last}
    assert stale(tiny, home, 5.1) == {source.name for source in tiny.load().sources}
    said = sentence(list(ages(tiny, home).values()), datetime.now(UTC), 5.0)
    assert said == f"Older than 5 hours: {last} (never read)."


def test_a_source_that_was_looked_at_and_is_unchanged_stays_fresh(
    tiny: TinyStudy, home: Home
) -> None:
    look(home, "stories", 4, changed=False)
    look(home, "ai_news", 4, changed=False)
    assert {"stories", "ai_news"}.isdisjoint(stale(tiny, home, 8))
    assert "chat" in stale(tiny, home, 8)
    assert stale(tiny, home, 9.1) >= {"stories", "ai_news"}


def test_a_change_that_was_seen_and_not_read_does_not_count_as_fresh(
    tiny: TinyStudy, home: Home
) -> None:
    look(home, "stories", 2, changed=False)
    look(home, "stories", 4, changed=True)
    look(home, "stories", 6, changed=False)  # unchanged since the look before, and still not read
    assert "stories" not in stale(tiny, home, 6.9)
    assert "stories" in stale(tiny, home, 7.1)


def test_looks_before_the_reading_do_not_count(tiny: TinyStudy, home: Home) -> None:
    look(home, "stories", -3, changed=True)
    assert ages(tiny, home)["stories"].how == "read"


def test_a_line_that_is_no_look_is_named_and_one_that_was_cut_off_is_left_out(home: Home) -> None:
    look(home, "stories", 1, changed=False)
    path = looks_file(home, NAME)
    with path.open("a") as lines:
        lines.write('{"time": "2026-')
    assert len(read_looks(path)) == 1
    path.write_text('{"time": "2026-01-01", "source": "stories", "changed": "no"}\n')
    with pytest.raises(ArtifactError, match=f"{NAME}.jsonl: line 1 is no look at a source"):
        read_looks(path)


@pytest.mark.slow
def test_a_report_stays_fresh_while_every_source_behind_it_is_looked_at_and_unchanged(
    audited: Audited, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    home.lake.symlink_to(audited.home.lake)
    study = audited.study.load()
    made = report_age(study, home)
    assert made.how == "made"
    for hours, source in enumerate(study.sources[1:], 2):
        look(home, source.name, hours, changed=False)
    assert report_age(study, home) == made
    look(home, study.sources[0].name, 9, changed=False)
    looked = report_age(study, home)
    assert looked.how == "every source looked at and unchanged"
    assert looked.hours(datetime.now(UTC) + 3 * HOUR) == pytest.approx(1.0, abs=0.01)
    look(home, study.sources[1].name, 10, changed=True)
    for source in study.sources:
        look(home, source.name, 12, changed=False)
    assert report_age(study, home) == looked
