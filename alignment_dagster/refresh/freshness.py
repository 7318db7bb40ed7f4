"""How old what people look at is: each source, and the report, by name.

A source that did not change is not read again. It is as fresh as the last time that it was made,
or looked at and found to be what was read: the refresh writes a line for each look into
`<home>/refresh/<study>.jsonl`. A report is as fresh as its making, or, where it still rests on what
is current of every source, as the source that nobody looked at for longest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alignment_dagster import chain
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import REPORT, Archive
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.refresh.source_looks import Look, looks_file, read_looks
from alignment_dagster.study import Study

Times = Mapping[str, datetime]


@dataclass(frozen=True)
class Age:
    """A source, or the report: when it was last known to be current."""

    name: str
    time: datetime | None
    """None where it was never made."""
    how: str

    def hours(self, now: datetime) -> float | None:
        """How long ago; a clock that was set back makes nothing fresher than fresh."""
        return None if self.time is None else max(0.0, (now - self.time) / timedelta(hours=1))

    def is_stale(self, now: datetime, limit: float) -> bool:
        """Whether it is older than so many hours."""
        hours = self.hours(now)
        return hours is None or hours > limit


def corpus_ages(study: Study, home: Home) -> list[Age]:
    """Of each source that the study declares.

    Raises:
        ArtifactError: if the journal or the file of looks is damaged.
    """
    made = _made(home, study.name, chain.RAW_CORPUS)
    looks = read_looks(looks_file(home, study.name))
    return [_corpus_age(source.name, made.get(source.name), looks) for source in study.sources]


def _corpus_age(source: str, made: datetime | None, looks: Iterable[Look]) -> Age:
    """A look that found a change ends it: what was read is then no longer what is there."""
    if made is None:
        return Age(source, None, "never read")
    age = Age(source, made, "read")
    for look in looks:
        if look.source != source or look.moment < made:
            continue
        if look.changed:
            return age
        age = Age(source, max(made, look.moment), "looked at and unchanged")
    return age


def report_age(study: Study, home: Home) -> Age:
    """Of the current report.

    Raises:
        ArtifactError: if the journal or the file of looks is damaged, or an artifact is gone.
    """
    made = _made(home, study.name, REPORT).get("")
    if made is None:
        return Age(REPORT, None, "never made")
    archive = Archive(Lake(home.lake), study.name)
    ages = corpus_ages(study, home)
    times = [age.time for age in ages if age.time is not None]
    if len(times) == len(ages) and min(times) > made and _rests_on_current(archive, ages):
        return Age(REPORT, min(times), "every source looked at and unchanged")
    return Age(REPORT, made, "made")


def _rests_on_current(archive: Archive, ages: Sequence[Age]) -> bool:
    """Whether the report was made from what is current of each source."""
    ancestors = archive.ancestors([archive.report()])
    behind = {(one.partition, one.digest) for one in ancestors if one.asset == chain.RAW_CORPUS}
    return all(
        (age.name, archive.current(chain.RAW_CORPUS, age.name).digest) in behind for age in ages
    )


def _made(home: Home, study: str, asset: str) -> Times:
    """Partition → when it became current last."""
    entries = Lake(home.lake).journal(study).entries()
    return {
        one.partition or "": datetime.fromisoformat(one.time)
        for one in entries
        if one.asset == asset
    }


def sentence(ages: Sequence[Age], now: datetime, limit: float) -> str:
    """Which are stale, by name and hours; or how old the oldest is."""
    stale = [age for age in ages if age.is_stale(now, limit)]
    if not stale:
        oldest = max((age.hours(now) or 0.0 for age in ages), default=0.0)
        return f"All of {len(ages)} are within {limit:g} hours; the oldest is {oldest:.1f}."
    names = ", ".join(f"{age.name} ({_describe_age(age, now)})" for age in stale)
    return f"Older than {limit:g} hours: {names}."


def _describe_age(age: Age, now: datetime) -> str:
    hours = age.hours(now)
    return age.how if hours is None else f"{hours:.1f}, {age.how}"
