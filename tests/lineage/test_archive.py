"""The archive finds what is there by short names, and says clearly what is not."""

import shutil
from pathlib import Path

import pytest

from alignment_dagster.chain import BY_SOURCE, CORPUS_DRIFT
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive, parse
from alignment_dagster.lineage.lake import FORMAT_FILE, Artifact, Lake
from alignment_dagster.lineage.partition_keys import partition_at
from tests.support import record_lake
from tests.support.record_lake import STUDY


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return record_lake.make(tmp_path)


@pytest.fixture
def chain(lake: Lake) -> list[Artifact]:
    """Source → mix → two checkpoints → report."""
    source = record_lake.publish(lake, "raw_corpus", "stories")
    mix = record_lake.publish(lake, "curated_mix", "plain", parents=[source])
    models = [
        record_lake.publish(
            lake, "pretrained_checkpoint", f"plain|{seed}", parents=[mix], declaration=str(seed)
        )
        for seed in (0, 1)
    ]
    report = record_lake.publish(lake, "eval_report", None, parents=models)
    return [source, mix, *models, report]


def labels(artifacts: list[Artifact]) -> list[str]:
    return [artifact.label for artifact in artifacts]


def test_a_closure_holds_every_ancestor_once_in_the_chains_order(
    lake: Lake, chain: list[Artifact]
) -> None:
    archive = Archive(lake, STUDY)
    assert labels(archive.closure([chain[-1]])) == labels(chain)
    assert labels(archive.closure([chain[2]])) == labels(chain[:3])


def test_descendants_are_the_other_way_round(lake: Lake, chain: list[Artifact]) -> None:
    archive = Archive(lake, STUDY)
    assert labels(archive.descendants([chain[0]])) == labels(chain)
    assert labels(archive.children(chain[1])) == labels(chain[2:4])
    assert archive.children(chain[-1]) == []


def test_a_report_does_not_rest_on_what_its_sources_were_compared_with(lake: Lake) -> None:
    earlier, scored = (
        record_lake.publish(lake, asset, "stories", {"a": b"then"}) for asset in BY_SOURCE[:2]
    )
    now, scored_now = (
        record_lake.publish(lake, asset, "stories", {"a": b"now"}) for asset in BY_SOURCE[:2]
    )
    read = [now, scored_now, earlier, scored]
    drift = record_lake.publish(lake, CORPUS_DRIFT, "stories", parents=read)
    report = record_lake.publish(lake, "eval_report", None, parents=[now, scored_now, drift])
    archive = Archive(lake, STUDY)
    assert labels(archive.behind([report])) == labels([now, scored_now, drift, report])
    assert {*labels(archive.closure([report]))} == {*labels([*read, drift, report])}
    assert archive.descendants([earlier]) == [archive.find(earlier.label)]
    assert {*labels(archive.descendants([now]))} == {*labels([now, drift, report])}
    assert archive.parents(archive.find(drift.label)) == [archive.find(x) for x in labels(read)]


@pytest.mark.parametrize("partition", ["plain|0", "plain.0", "plain,0"])
def test_a_partition_may_be_written_in_three_ways(
    lake: Lake, chain: list[Artifact], partition: str
) -> None:
    found = Archive(lake, STUDY).find(f"pretrained_checkpoint[{partition}]")
    assert found.label == chain[2].label


def test_a_version_may_be_cut_short_or_left_out(lake: Lake, chain: list[Artifact]) -> None:
    archive = Archive(lake, STUDY)
    version = chain[1].version
    for name in ("curated_mix[plain]", f"curated_mix[plain]@{version[:4]}"):
        assert archive.find(name).version == version
    report = chain[-1].version
    for given in (None, report, report[:6], f"eval_report@{report}"):
        assert archive.report(given).version == report


def test_current_is_what_the_journal_says_last(lake: Lake) -> None:
    first = record_lake.publish(lake)
    second = record_lake.publish(lake, declaration="other")
    assert Archive(lake, STUDY).current("curated_mix", "plain") == second
    record_lake.become_current(lake, first, reused=True)
    assert Archive(lake, STUDY).current("curated_mix", "plain") == first


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("curated_mx[plain]", r"no asset 'curated_mx' \(near: curated_mix\)"),
        ("nothing", r"no asset 'nothing' \(near: "),
        ("curated_mix[plane]", r"no partition of curated_mix 'plane' \(near: plain\)"),
        ("curated_mix", r"no partition of curated_mix '\(none\)' \(near: plain\)"),
        ("eval_report[plain]", r"no partition of eval_report 'plain' \(near: \(none\)\)"),
        ("pretrained_checkpoint[plain|7]", r"near: plain\|1, plain\|0|near: plain\|0, plain\|1"),
        ("curated_mix[plain]@ffff", r"no version of curated_mix\[plain\] 'ffff' \(near: "),
        ("curated_mix[plain", "an artifact is named asset"),
        ("[plain]", "an artifact is named asset"),
        ("", "an artifact is named asset"),
    ],
)
def test_a_wrong_name_is_answered_with_near_ones(
    lake: Lake, chain: list[Artifact], name: str, said: str
) -> None:
    with pytest.raises(ArtifactError, match=said):
        Archive(lake, STUDY).find(name)


def test_a_version_cut_too_short_is_refused_with_the_versions_there_are(lake: Lake) -> None:
    version = record_lake.publish(lake).version
    with pytest.raises(ArtifactError, match=f"1 versions begin so: {version}"):
        Archive(lake, STUDY).find(f"curated_mix[plain]@{version[:3]}")


def test_an_ambiguous_version_names_those_that_begin_so(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(lake, record_lake.publish(lake).provenance.inputs.study)
    keys = [("curated_mix", "plain", name) for name in ("abcd1111", "abcd2222", "ffff0000")]
    monkeypatch.setitem(archive.__dict__, "keys", tuple(keys))
    with pytest.raises(ArtifactError, match="2 versions begin so: abcd1111, abcd2222"):
        archive.find("curated_mix[plain]@abcd")


def test_an_ancestor_that_was_collected_as_garbage_is_named(
    lake: Lake, chain: list[Artifact]
) -> None:
    shutil.rmtree(chain[1].path)
    with pytest.raises(ArtifactError) as missing:
        Archive(lake, STUDY).closure([chain[-1]])
    assert str(missing.value).startswith(f"{chain[1].label}: is not in the lake")


def test_a_current_version_that_is_gone_is_named(lake: Lake) -> None:
    artifact = record_lake.publish(lake)
    record_lake.publish(lake, declaration="other", current=False)
    shutil.rmtree(artifact.path)
    with pytest.raises(ArtifactError, match="is not in the lake"):
        Archive(lake, STUDY).find("curated_mix[plain]")


def test_an_asset_never_made_current_says_how_to_make_it(lake: Lake) -> None:
    record_lake.publish(lake, current=False)
    with pytest.raises(ArtifactError, match=rf"no curated_mix\[plain\] yet: alignment run {STUDY}"):
        Archive(lake, STUDY).find("curated_mix[plain]")
    with pytest.raises(ArtifactError, match=f"no eval_report yet: alignment run {STUDY}"):
        Archive(lake, STUDY).report()


@pytest.mark.parametrize("content", ["1", "99", ""])
def test_a_lake_of_another_format_is_refused(lake: Lake, content: str) -> None:
    record_lake.publish(lake)
    (lake.root / FORMAT_FILE).write_text(content)
    with pytest.raises(ArtifactError, match=f"is a lake of format {content}, and this version"):
        Archive(lake, STUDY)


def test_a_lake_that_says_no_format_is_refused(lake: Lake) -> None:
    (lake.root / FORMAT_FILE).unlink()
    with pytest.raises(ArtifactError, match="format unknown"):
        Archive(lake, STUDY)


def test_where_there_is_no_lake_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no lake yet"):
        Archive(Lake(tmp_path / "absent" / "lake"), STUDY)
    assert not (tmp_path / "absent").exists()


def test_an_unknown_study_is_answered_with_those_there_are(lake: Lake) -> None:
    record_lake.publish(lake)
    with pytest.raises(ArtifactError, match=rf"'smal'.*it holds: {STUDY}"):
        Archive(lake, "smal")


def test_records_that_disagree_are_named(lake: Lake, chain: list[Artifact]) -> None:
    for name in ("manifest.json", "provenance.json"):
        (chain[2].path / name).write_bytes((chain[3].path / name).read_bytes())
    with pytest.raises(ArtifactError, match="not that of this version"):
        Archive(lake, STUDY).all()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a", ("a", None, None)),
        ("a[b]", ("a", "b", None)),
        ("a[b|1]@c", ("a", "b|1", "c")),
        ("a@c", ("a", None, "c")),
        ("a[]@", ("a", None, None)),
    ],
)
def test_a_name_in_its_parts(name: str, parts: tuple[str, str | None, str | None]) -> None:
    assert parse(name) == parts


@pytest.mark.parametrize(
    ("asset", "place", "partition"),
    [
        ("tokenizer", "all", None),
        ("raw_corpus", "all", "all"),
        ("scored_corpus", "web_2", "web_2"),
        ("curated_mix", "plain", "plain"),
        ("evaluation", "plain.0", "plain|0"),
    ],
)
def test_a_folder_stands_for_a_partition(asset: str, place: str, partition: str | None) -> None:
    assert partition_at(asset, place) == partition
