"""A declared refresh in one process: real ticks of schedule, watch and followers, real runs."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.run_tags import POLICY, STARTED_BY
from alignment_dagster.lineage.event_metadata import VERSION
from alignment_dagster.lineage.journal_lines import STARTED, NewEntry, NewRemark
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import Inputs, Provenance
from alignment_dagster.preflight.studies import declared_studies
from alignment_dagster.refresh.source_looks import looks_file, read_looks
from tests.support.nights import CRON, Nights, Ran, Tick, environment, opened
from tests.support.tiny_study import NAME, TinyStudy, create

pytestmark = pytest.mark.slow
REFRESH: Mapping[str, Any] = {
    **CRON,
    "watch": {"sources": ["ai_news"]},
    "training": {"when": "mix_changed", "share": 0.5},
    "budget": {"period": "month", "runs": 3},
}
MODELS = frozenset({"stg_documents", "stg_scores", "documents", "dispositions"})
READ = frozenset({"raw_corpus", "scored_corpus"})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    found = create(tmp_path_factory.mktemp("nights"))
    found.change(refresh=dict(REFRESH))
    return found


@pytest.fixture(scope="module")
def told(study: TinyStudy) -> Iterator[Nights]:
    """A study whose first night is over: everything up to the mixes is made."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(study).items():
            patch.setenv(name, value)
        patch.delenv("DAGSTER_HOME", raising=False)
        for instance in opened():
            nights = Nights(instance)
            nights.first = nights.night()
            yield nights
        declared_studies.cache_clear()


def add(path: Path, row: Mapping[str, str]) -> None:
    with path.open("a") as lines:
        lines.write(json.dumps(row) + "\n")


def made(ran: list[Ran]) -> set[tuple[frozenset[str], str | None]]:
    assert all(one.success for one in ran)
    return {(one.assets, one.partition) for one in ran}


MIXES = {(frozenset({"curated_mix"}), recipe) for recipe in ("aligned", "unfiltered")}
FOLLOWED = {(MODELS, None), (frozenset({"tokenizer"}), None), *MIXES}


def test_the_first_night_makes_everything_up_to_the_mixes_once(
    told: Nights, study: TinyStudy
) -> None:
    sources = study.load().declaration.sources
    assert made(told.first) == {*((READ, source) for source in sources), *FOLLOWED}
    assert len(told.first) == len(sources) + len(FOLLOWED)


def test_an_unchanged_study_is_looked_at_and_nothing_runs(told: Nights, study: TinyStudy) -> None:
    told.night()
    before = read_looks(looks_file(Home.from_environment(), NAME))
    tick = told.schedule()
    assert (tick.requests, tick.skipped) == ([], "5 sources looked at; nothing has changed")
    assert told.follow() == []
    after = read_looks(looks_file(Home.from_environment(), NAME))[len(before) :]
    assert [(one.source, one.changed) for one in after] == [
        (source, False) for source in study.load().declaration.sources
    ]


def test_a_changed_source_alone_is_read_and_marts_and_mixes_follow(
    told: Nights, study: TinyStudy
) -> None:
    assert set(_scored(told, "stories").values()) == {150}
    add(study.data / "stories.jsonl", {"text": "Ann swept the new bridge by the river at dawn."})
    assert made(told.night()) == {(READ, "stories"), *FOLLOWED}
    assert set(_scored(told, "stories").values()) == {1}


def test_a_changed_word_list_is_asked_about_every_document_and_nothing_else_is(
    told: Nights, study: TinyStudy
) -> None:
    words = study.assets / "lexicons" / "ai_discourse" / "instant_vocabulary.txt"
    documents = _documents(told)
    words.write_text(words.read_text() + "ann\n")
    told.load()
    request = dg.RunRequest(partition_key="stories", asset_selection=_keys("scored_corpus"))
    assert [one.success for one in told.run(Tick([request], None))] == [True]
    scored = _scored(told, "stories")
    assert (scored.pop("ai_discourse"), set(scored.values())) == (151, {0})
    told.follow()
    after = _documents(told)
    assert after["documents.parquet"] != documents["documents.parquet"]
    assert after["held_out.parquet"] == documents["held_out.parquet"]  # nothing is measured again


def test_scores_that_were_altered_are_not_kept(told: Nights, study: TinyStudy) -> None:
    lake = Lake(Home.from_environment().lake)
    table = _current(told, lake, "scored_corpus", "stories").path / "text_stats" / "00000.parquet"
    held = table.read_bytes()
    table.write_bytes(held[:-1] + b"?")
    add(study.data / "stories.jsonl", {"text": "Gus mended the gate of the harbour."})
    told.load()
    request = dg.RunRequest(
        partition_key="stories", asset_selection=_keys("raw_corpus", "scored_corpus")
    )
    assert [one.success for one in told.run(Tick([request], None))] == [True]
    assert set(_scored(told, "stories").values()) == {152}
    table.write_bytes(held)
    told.night()


def _documents(told: Nights) -> dict[str, str]:
    """The digests of the files of the current documents."""
    return _current(told, Lake(Home.from_environment().lake), "documents", None).manifest.files


def _keys(*assets: str) -> list[dg.AssetKey]:
    return [dg.AssetKey([NAME, asset]) for asset in assets]


def _scored(told: Nights, source: str) -> dict[str, float | str]:
    """How many documents each scorer was asked about when the current scores were made."""
    lake = Lake(Home.from_environment().lake)
    measured = _current(told, lake, "scored_corpus", source).provenance.measured
    return {name.split("/")[1]: count for name, count in measured.items()}


def test_a_double_tick_reads_a_source_once(told: Nights, study: TinyStudy) -> None:
    path = study.data / "ai_news.jsonl"
    text = path.read_text()
    add(path, {"text": "The artificial intelligence saw a red bridge."})
    first, second = told.sensor("watch_sources"), told.sensor("watch_sources")
    assert [one.partition_key for one in first.requests] == ["ai_news"]
    ran = told.run(first)
    assert [one.by for one in ran] == ["watch"]
    assert told.run(second) == []
    assert "nothing has changed" in str(told.sensor("watch_sources").skipped)
    path.write_text(text)
    assert made(told.run(told.sensor("watch_sources"))) == {(READ, "ai_news")}
    assert told.follow() == []  # all is as it was


def test_a_source_that_is_gone_is_a_run_that_fails_and_nothing_else(
    told: Nights, study: TinyStudy
) -> None:
    path = study.data / "ai_news.jsonl"
    aside = path.rename(path.with_suffix(".gone"))
    ran = told.night()
    aside.rename(path)
    assert [(one.partition, one.success) for one in ran] == [("ai_news", False)]
    assert told.night() == []


def test_what_failed_a_blocking_check_is_not_followed(told: Nights, study: TinyStudy) -> None:
    path = study.data / "ai_news.jsonl"
    text = path.read_text()
    path.write_text("")
    for number in range(40):
        add(path, {"text": f"The same words{' ' * number}."})
    ran = told.night()
    assert [(one.assets, one.partition) for one in ran] == [(READ, "ai_news")]
    assert told.night() == []
    path.write_text(text)
    assert made(told.night()) == {(READ, "ai_news")}  # what follows is as it was before


def test_models_are_trained_again_above_the_declared_share_and_within_the_budget(
    told: Nights,
) -> None:
    lake, mixes = Lake(Home.from_environment().lake), {}
    for recipe in ("unfiltered", "aligned"):
        mixes[recipe] = _current(told, lake, "curated_mix", recipe)
    _measured_on(told, lake, "unfiltered|0", mixes["unfiltered"].path, keep=1.0)
    _measured_on(told, lake, "unfiltered|1", mixes["unfiltered"].path, keep=0.7)
    _measured_on(told, lake, "aligned|0", mixes["aligned"].path, keep=0.3)
    tick = told.sensor("training_policy")
    asked = {one.partition_key: one.tags["alignment/changed_share"] for one in tick.requests}
    assert list(asked) == ["aligned|1", "aligned|0"]  # never measured, and 70 % other documents
    assert 0.5 < float(asked["aligned|0"]) < 1
    _spend(told, 2)
    assert [one.partition_key for one in told.sensor("training_policy").requests] == ["aligned|1"]
    _spend(told, 1)
    skipped = str(told.sensor("training_policy").skipped)
    assert "the budget is spent; aligned|1, aligned|0 must wait: 3 of 3 runs spent" in skipped
    begun = told.instance.get_runs(limit=1)[0].run_id
    lake.journal(NAME).append(NewRemark(STARTED, (begun,), "by the policy"))
    told.instance.delete_run(begun)  # as in Dagster's pages: what was spent stays spent
    assert "3 of 3 runs spent" in str(told.sensor("training_policy").skipped)


def _current(told: Nights, lake: Lake, asset: str, partition: str | None) -> Artifact:
    partitions = [partition] if partition else None
    wanted = dg.AssetRecordsFilter(dg.AssetKey([NAME, asset]), asset_partitions=partitions)
    found = told.instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert found is not None
    return lake.open(NAME, asset, partition, str(found.metadata[VERSION].value))


def _measured_on(told: Nights, lake: Lake, partition: str, mix: Path, keep: float) -> None:
    """An evaluation of models that read a mix with this share of the documents of `mix`."""
    documents = pq.read_table(mix / "documents.parquet")
    if keep == 1.0:
        then = lake.open(NAME, "curated_mix", partition.split("|")[0], mix.name)
    else:
        count = int(documents.num_rows * keep)
        ids = documents["document_id"].to_pylist()
        ids = [one if row < count else f"old-{row}" for row, one in enumerate(ids)]
        other = documents.set_column(0, "document_id", pa.array(ids))
        then = _publish(lake, "curated_mix", partition.split("|")[0], (), other)
    model = _publish(lake, "pretrained_checkpoint", partition, (then,), documents.slice(0, 1))
    found = _publish(lake, "evaluation", partition, (model,), documents.slice(0, 2))
    lake.journal(NAME).append(
        NewEntry(*found.key, found.digest, found.record, dagster_run_id="", reused=False)
    )
    told.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            dg.AssetKey([NAME, "evaluation"]),
            partition=partition,
            metadata={VERSION: found.version},
        )
    )


def _publish(
    lake: Lake, asset: str, partition: str, parents: tuple[Artifact, ...], table: pa.Table
) -> Artifact:
    inputs = Inputs(
        study=NAME,
        asset=asset,
        partition=partition,
        declaration="0" * 64,
        code_version="1",
        parents=tuple(parent.as_parent() for parent in parents),
        external_inputs={"rows": str(table.num_rows), "first": partition},
    )
    with lake.staging() as folder:
        pq.write_table(table, folder / "documents.parquet")
        provenance = Provenance(
            inputs=inputs, input_digest=inputs.digest, output_digest=Manifest.of(folder).digest,
            code_digest="0" * 64,
            declared={}, environment={}, git={}, dagster_run_id=None, mlflow_run_id=None,
            started="2026-01-01T00:00:00", seconds=1.0, measured={}, models={}, checks=(),
        )  # fmt: skip
        return lake.publish(folder, provenance)


def _spend(told: Nights, count: int) -> None:
    """Runs that the policy asked for, and that have not begun."""
    for _ in range(count):
        told.instance.create_run_for_job(
            told.repository.get_job(f"{NAME}_whole_study"),
            tags={STARTED_BY: POLICY, "study": NAME},
        )
