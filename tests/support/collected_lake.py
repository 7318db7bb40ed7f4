"""A small lake with three generations of a report, and its garbage collected as it would be."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alignment_dagster.audit.check.file_hashes import FileHasher
from alignment_dagster.audit.check.scope import Findings, Scope
from alignment_dagster.audit.check.study import check_all_records
from alignment_dagster.audit.check.survey import survey
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.ancestry import children_of
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.refresh.retention.plan import Plan, Use, plan
from alignment_dagster.refresh.retention.remove import remove
from alignment_dagster.study import Study
from alignment_dagster.study.refresh import Refresh, Retention, Schedule
from tests.support import record_lake
from tests.support.record_lake import STUDY, publish
from tests.support.tiny_lake import study as tiny

IDLE = Use(current=(), reviewed=(), running={}, others=False, wanted=frozenset())
RECORDS = {"manifest.json", "provenance.json", "logged.parquet", "statement.json"}


@dataclass(frozen=True)
class Small:
    """The lake of record_lake in a home, and a study that declares how long it keeps."""

    folder: Path

    @property
    def home(self) -> Home:
        return Home(self.folder / "home")

    @property
    def lake(self) -> Lake:
        return Lake(self.home.lake)

    @property
    def archive(self) -> Archive:
        return Archive(self.lake, STUDY)

    def plan(self, retention: Retention, use: Use = IDLE, *, days: int = 1) -> Plan:
        """What would be collected so many days from now."""
        now = datetime.now(UTC) + timedelta(days=days)
        return plan(self.archive, self.home, declared(retention), use, now)

    def collect(self, retention: Retention, use: Use = IDLE) -> Plan:
        """What was collected."""
        found = self.plan(retention, use)
        remove(found, declared(retention), datetime.now(UTC))
        return found

    def checked(self) -> Findings:
        """What the records and the bytes say; neither Dagster nor MLflow know of this lake."""
        found = Findings()
        artifacts = survey(self.archive, found)
        children = children_of(artifacts.values())
        check_all_records(Scope(self.archive, self.home, artifacts, artifacts, found, children))
        FileHasher(artifacts.values(), 1).report(found)
        return found

    def gaps(self) -> str:
        """Every gap as one text."""
        return "\n".join(f"{gap.kind}: {gap.subject}: {gap.message}" for gap in self.checked().gaps)


def declared(retention: Retention) -> Study:
    refresh = Refresh(schedule=Schedule(cron="0 3 * * *"), retention=retention)
    study = tiny()
    fields = {"name": STUDY, "refresh": refresh}
    return study.model_copy(update={"declaration": study.declaration.model_copy(update=fields)})


def create(folder: Path, reports: int = 3) -> Small:
    """One vocabulary for all; then a corpus, a mix and a report each time."""
    lake = record_lake.make(folder)
    tokenizer = publish(lake, "tokenizer", None)
    for number in range(reports):
        generation(lake, tokenizer, number)
    return Small(folder)


def generation(lake: Lake, tokenizer: Artifact, number: int) -> Artifact:
    """A report and what it alone rests on."""
    declaration = f"d{number}"
    corpus = publish(lake, "raw_corpus", "stories", {"rows": b"%d" % number}, (), declaration)
    files = {"rows": b"mix %d" % number, "parts/more": b"more"}
    mix = publish(lake, "curated_mix", "plain", files, (tokenizer, corpus), declaration)
    return publish(
        lake, "eval_report", None, {"report": b"%d" % number}, (mix, tokenizer), declaration
    )


def reports(small: Small) -> list[Artifact]:
    """The first one first."""
    lines = [line for line in small.archive.journal if line.asset == "eval_report"]
    return [small.archive.artifact("eval_report", None, line.version) for line in lines]


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time of change and bytes of everything below a folder."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }
