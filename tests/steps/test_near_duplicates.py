"""The asset, run by Dagster over real documents: what it finds, what it keeps, what it warns of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from alignment_dagster.defs.assets import asset
from alignment_dagster.defs.resources import resources
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.parents import resolve
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.steps import near_duplicates, raw_corpus
from tests.support import tiny_study
from tests.support.tiny_study import NAME, TinyStudy, write_jsonl

pytestmark = pytest.mark.slow
LONG = "Ann carried the old lantern down to the harbour and waited there for the late boat of {}"


@dataclass
class Corpus:
    """A study's sources, in its home."""

    study: TinyStudy
    instance: dg.DagsterInstance

    def run(self) -> tuple[bool, Artifact]:
        study = self.study.load()
        raw = asset(raw_corpus.STEP, study)
        for source in study.declaration.sources:
            made = dg.materialize(
                [raw], resources=resources(), partition_key=source, instance=self.instance
            )
            assert made.success
        done = dg.materialize(
            [asset(near_duplicates.STEP, study)],
            resources=resources(),
            instance=self.instance,
            raise_on_error=False,
        )
        (event,) = done.get_asset_materialization_events()
        version = event.materialization.metadata["artifact_version"].value
        lake = Lake(Home.from_environment().lake)
        return done.success, lake.read(NAME, "near_duplicates", None, str(version))

    def write(self, texts: Sequence[str]) -> None:
        write_jsonl(self.study.data / "stories.jsonl", [{"text": text} for text in texts])


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Corpus]:
    study = tiny_study.create(tmp_path)
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(study.assets))
    monkeypatch.setenv("ALIGNMENT_DATA", str(study.data))
    monkeypatch.setenv("ALIGNMENT_HOME", str(tmp_path / "home"))
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        yield Corpus(study, instance)


def test_the_asset_over_its_refreshes(corpus: Corpus) -> None:
    corpus.study.change(near_duplicates={"threshold": 0.7, "shingle": 3, "largest_cluster": 2})
    texts = [LONG.format(place) for place in ("Delft", "Ghent")] + ["Ben swept the floor."]
    corpus.write(texts)
    passed, first = corpus.run()
    assert passed
    pairs = pq.read_table(first.path / file_names.NEAR_DUPLICATES).to_pylist()
    named = [pair for pair in pairs if pair["similarity"] == 15 / 17]
    assert [pair["removes"] for pair in named] == [True]
    assert not [one for one in first.provenance.checks if not one.passed]

    # what is there is not computed again, and what is not needed any more is gone
    cache = Home.from_environment().cache / NAME / "near_duplicates"
    made = {path.name: path.stat().st_mtime_ns for path in cache.glob("*.arrow")}
    corpus.write([*texts, LONG.format("Bruges"), LONG.format("Paris")])
    passed, second = corpus.run()
    again = {path.name: path.stat().st_mtime_ns for path in cache.glob("*.arrow")}
    assert passed
    assert len(again) == len(made) == 5
    assert len(made.items() & again.items()) == 4
    found = pq.read_table(second.path / file_names.NEAR_DUPLICATES).to_pylist()
    assert [pair for pair in found if pair in pairs] == pairs
    assert len(found) == len(pairs) + 5
    (warning,) = [one for one in second.provenance.checks if not one.passed]
    assert (warning.name, warning.blocking) == ("clusters_are_small", False)
    assert warning.summary == "3 documents repeat one text."

    # and from nothing the same is found
    for path in cache.iterdir():
        if path.suffix != ".seal":  # also what was planted there without the key
            path.write_bytes(path.read_bytes()[:100])
    corpus.study.change(near_duplicates={"threshold": 0.7, "shingle": 3, "largest_cluster": 3})
    _, third = corpus.run()
    assert third.version != second.version
    assert third.digest == second.digest
    assert all(one.passed for one in third.provenance.checks)


def test_what_is_like_a_document_that_a_source_held_once_is_found(corpus: Corpus) -> None:
    settings = {"threshold": 0.7, "shingle": 3}
    corpus.study.change(near_duplicates=settings)
    first, second, kept = (
        LONG.format("Delft"),
        "Ben swept the floor.",
        "Cleo reads a map of the sea.",
    )
    corpus.write([first, second, kept])
    _, before = corpus.run()
    (raw,) = [one for one in before.provenance.inputs.parents if one.partition == "stories"]
    corpus.write([LONG.format("Ghent"), "Ben swept the floor!", kept, LONG.format("Paris")])
    earlier = [{"source": "stories", "version": raw.version}]
    corpus.study.change(near_duplicates={**settings, "earlier": earlier})
    passed, after = corpus.run()
    assert passed
    assert raw in after.provenance.inputs.parents
    ids = {text: sha256_text("stories", text) for text in (first, second, kept)}
    rows = pq.read_table(after.path / file_names.NEAR_DUPLICATES).to_pylist()
    gone = [row for row in rows if row["earlier_id"] in ids.values()]
    assert {(row["document_id"], row["earlier_id"], row["similarity"]) for row in gone} == {
        (sha256_text("stories", LONG.format("Ghent")), ids[first], 15 / 17),
        (sha256_text("stories", LONG.format("Paris")), ids[first], 15 / 17),
        (sha256_text("stories", "Ben swept the floor!"), ids[second], 1.0),
    }
    corpus.study.change(near_duplicates=settings)
    _, without = corpus.run()
    plain = pq.read_table(without.path / file_names.NEAR_DUPLICATES).to_pylist()
    assert [row for row in rows if row not in gone] == plain

    unknown = [{"source": "stories", "version": "0" * 16}]
    corpus.study.change(near_duplicates={**settings, "earlier": unknown})
    wanted = near_duplicates.STEP.parents(corpus.study.load(), None)
    lake = Lake(Home.from_environment().lake)
    with pytest.raises(ArtifactError, match=rf"no version '0{{16}}' in the lake .*{raw.version}"):
        resolve(corpus.instance, lake, NAME, wanted)
