"""The asset over several refreshes, run by Dagster: what a source is compared with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import pyarrow.parquet as pq
import pytest

from alignment_dagster.defs.assets import asset
from alignment_dagster.defs.resources import resources
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.parents import resolve
from alignment_dagster.graph.staleness import VerifiedStaleness
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.steps import corpus_drift, raw_corpus, scored_corpus
from alignment_dagster.steps.drift_reference import accepted_version
from tests.support import tiny_study
from tests.support.tiny_study import NAME, TinyStudy, write_jsonl

pytestmark = pytest.mark.slow
SOURCE = "stories"
STEPS = (raw_corpus.STEP, scored_corpus.STEP, corpus_drift.STEP)
BOUNDS = {"volume": {"warn": 0.1, "block": 0.4}, "scores": {"warn": 0.1}}
HOSTILE = "<script>alert(1)</script> | zyzzyva | \u202e[x](javascript:y) of"


@dataclass
class Refreshes:
    """A source that is refreshed again and again, with its instance and lake."""

    study: TinyStudy
    instance: dg.DagsterInstance
    lake: Lake

    def declare(self, **bounds: Mapping[str, float]) -> None:
        schedule = {"cron": "0 3 * * *"}
        self.study.change(refresh={"schedule": schedule, "drift": {**BOUNDS, **bounds}})

    def read(self, texts: Sequence[str]) -> None:
        write_jsonl(self.study.data / f"{SOURCE}.jsonl", [{"text": text} for text in texts])

    def remaining(self) -> list[str]:
        """The assets that a run would make of the source."""
        study = self.study.load()
        steps = VerifiedStaleness(self.instance, self.lake, study).stale(STEPS, SOURCE)
        return [step.asset for step in steps]

    def run(self) -> bool:
        """What remains, as `alignment run` does it; whether nothing blocks."""
        study = self.study.load()
        wanted = self.remaining()
        if not wanted:
            return True
        found = [asset(step, study) for step in STEPS]
        keys = [dg.AssetKey([NAME, name]) for name in wanted]
        done = dg.materialize(
            found,
            selection=keys,
            resources=resources(),
            partition_key=SOURCE,
            instance=self.instance,
            raise_on_error=False,
        )
        return done.success

    def refresh(self, texts: Sequence[str]) -> tuple[bool, Artifact]:
        self.read(texts)
        return self.run(), self.current()

    def current(self) -> Artifact:
        return self.lake.read(NAME, "corpus_drift", SOURCE, self.version("corpus_drift"))

    def version(self, name: str) -> str:
        return str(self.event(name).metadata["artifact_version"].value)

    def event(self, name: str) -> dg.AssetMaterialization:
        wanted = dg.AssetRecordsFilter(dg.AssetKey([NAME, name]), asset_partitions=[SOURCE])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return record.asset_materialization


def stories(count: int, first: int = 0) -> list[str]:
    return [
        f"Ann went to the mill in the year {1000 + n} and it was late."
        for n in range(first, first + count)
    ]


def compared(artifact: Artifact) -> tuple[str | None, str | None]:
    """Versions of the documents: now, and then."""
    found = [one.version for one in artifact.provenance.inputs.parents if one.asset == "raw_corpus"]
    return found[0], found[1] if len(found) > 1 else None


@pytest.fixture
def source(made: Refreshes, monkeypatch: pytest.MonkeyPatch) -> Refreshes:
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(made.study.assets))
    monkeypatch.setenv("ALIGNMENT_DATA", str(made.study.data))
    monkeypatch.setenv("ALIGNMENT_HOME", str(made.study.assets.parent / "home"))
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refreshes]:
    """One home for all tests: MLflow's database takes seconds to make."""
    folder = tmp_path_factory.mktemp("drift")
    lake = Lake(Home(folder / "home").lake)
    with dg.DagsterInstance.ephemeral(str(folder)) as instance:
        yield Refreshes(tiny_study.create(folder), instance, lake)


def test_a_source_over_its_refreshes(source: Refreshes) -> None:
    source.declare()
    whole = stories(40)
    # the first version has nothing to be compared with, and passes
    passed, first = source.refresh(whole)
    assert passed
    assert compared(first)[1] is None
    assert "no earlier version" in first.provenance.checks[0].summary
    assert "plot" not in source.event("corpus_drift").metadata
    assert source.remaining() == []  # nothing changed: nothing runs

    # a source that halves is blocked, and so is all that is made of the sources
    passed, blocked = source.refresh(whole[:20])
    assert not passed
    assert compared(blocked)[1] == compared(first)[0]
    summary = blocked.provenance.failed[0].summary
    assert "volume, documents: 0.5 (blocks above 0.4), and 1 more. If the source" in summary
    assert "refresh.drift" in summary
    gate = [ParentSpec("corpus_drift", SOURCE, part=file_names.VERDICT)]
    with pytest.raises(ArtifactError, match="drift_within_bounds: volume, "):
        resolve(source.instance, source.lake, NAME, gate)
    assert not source.run()  # asked again, it says the same
    assert source.current().version == blocked.version

    # the next one is compared with the last that was let through, not with the blocked one
    passed, grown = source.refresh([*whole, *stories(3, first=100)])
    assert passed
    assert compared(grown)[1] == compared(first)[0]
    assert source.remaining() == []
    verdicts = {one.manifest.files[file_names.VERDICT] for one in (first, grown)}
    assert len(verdicts) == 1  # what follows reads this alone, and it is the same
    assert blocked.manifest.files[file_names.VERDICT] not in verdicts


def test_a_bound_that_is_raised_lets_a_blocked_version_through(source: Refreshes) -> None:
    source.declare()
    source.refresh(stories(40, first=200))
    passed, _ = source.refresh(stories(10, first=200))
    assert not passed
    source.declare(volume={"warn": 0.1, "block": 0.8})
    assert source.remaining() == ["corpus_drift"]
    assert source.run()
    assert source.remaining() == []
    assert compared(source.current())[1] is not None
    passed, after = source.refresh(stories(11, first=200))
    assert passed  # it is compared with the one that was let through
    rows = {row["column"]: row for row in pq.read_table(after.path / "drift.parquet").to_pylist()}
    assert (rows["documents"]["then"], rows["documents"]["now"]) == (10.0, 11.0)


def test_what_warns_blocks_nothing_and_is_shown_in_dagster(source: Refreshes) -> None:
    source.declare(volume={"warn": 0.1, "block": 5.0}, filter_rates={"warn": 0.1})
    source.refresh(stories(40, first=300))
    passed, drifted = source.refresh(
        [*stories(40, first=300), *(f"{HOSTILE} <b>{n}</b>" for n in range(30))]
    )
    assert passed
    within, unremarkable = drifted.provenance.checks
    assert (within.passed, unremarkable.passed) == (True, False)
    assert "volume, characters: 0.954 (warns above 0.1), and 1 more" in unremarkable.summary
    metadata = {name: str(one.value) for name, one in source.event("corpus_drift").metadata.items()}
    assert metadata["plot"].startswith("![drift](<data:image/svg+xml,")
    assert len(metadata["plot"]) < 1_000
    assert "zyzzyva" in metadata["new_terms"]
    assert "alert" in metadata["new_terms"]
    for text in metadata.values():
        assert "<script" not in text
        assert "\u202e" not in text
        assert "](javascript" not in text


def test_a_reference_that_was_removed_gives_way_to_the_one_before(source: Refreshes) -> None:
    source.declare()
    first, second, third = (source.refresh(stories(count, first=500))[1] for count in (50, 52, 54))
    assert compared(third)[1] == compared(second)[0]
    wanted = ParentSpec("raw_corpus", SOURCE, selector=accepted_version)
    source.read(stories(56, first=500))
    study = source.study.load()
    found = asset(raw_corpus.STEP, study)
    assert _then(source, wanted) == compared(second)[0]  # nothing has changed yet
    dg.materialize([found], partition_key=SOURCE, instance=source.instance, resources=resources())
    assert _then(source, wanted) == compared(third)[0]
    _remove(source, "corpus_drift", third.version)
    assert _then(source, wanted) == compared(second)[0]
    _remove(source, "raw_corpus", compared(second)[0])
    assert _then(source, wanted) == compared(first)[0]


def _then(source: Refreshes, wanted: ParentSpec) -> str | None:
    return accepted_version(source.instance, source.lake, NAME, wanted)


def _remove(source: Refreshes, name: str, version: str | None) -> None:
    path = source.lake.folder(NAME, name, SOURCE) / str(version)
    path.rename(path.with_name(f".{version}"))
