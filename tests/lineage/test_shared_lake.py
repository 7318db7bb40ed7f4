"""Several machines share a lake through an S3 server: each has a home of its own here."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.lineage.journal_lines import NewEntry
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.lineage.object_store import ObjectStore
from tests.support.s3_server import BUCKET, S3, serving
from tests.support.small_artifacts import inputs, publish

pytest.importorskip("moto.server", reason="the S3 server of these tests is moto")
LINES = 8


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serving() as server:
        yield server


@pytest.fixture
def place(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The part of the bucket that a test has for itself."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    prefix = f"{tmp_path.parent.name}/{tmp_path.name}"
    monkeypatch.setenv("ALIGNMENT_LAKE", f"s3://{BUCKET}/{prefix}")
    return f"{prefix}/"


def machine(folder: Path) -> Lake:
    lake = Lake(folder / "lake")
    lake.prepare()
    return lake


def became(run: str) -> NewEntry:
    return NewEntry("eval_report", None, "v1", "d", "r", run, False)


def test_what_one_machine_published_another_finds_and_verifies(place: str, tmp_path: Path) -> None:
    made = publish(machine(tmp_path / "a"), inputs())
    other = machine(tmp_path / "b")
    found = other.find(inputs())
    assert found is not None
    assert found.path.is_relative_to(tmp_path / "b")
    assert other.open("study", "curated_mix", "filtered|0", made.version).record == made.record
    assert (found.path / "model" / "weights").read_bytes() == b"bytes"


def test_private_keys_stay_on_their_machine_and_public_ones_are_shared(
    s3: S3, place: str, tmp_path: Path
) -> None:
    first, second = machine(tmp_path / "a"), machine(tmp_path / "b")
    made = publish(first, inputs())
    second.open("study", "curated_mix", "filtered|0", made.version)
    own = publish(second, inputs("another"))
    first.open("study", "curated_mix", "filtered|0", own.version)
    assert len(first.keys.trusted()) == len(second.keys.trusted()) == 2
    contents = [
        s3.client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in s3.names(place)
    ]
    assert contents
    assert not any(b"PRIVATE" in content for content in contents)


def test_of_two_machines_that_made_the_same_the_first_is_kept_by_both(
    place: str, tmp_path: Path
) -> None:
    first, second = machine(tmp_path / "a"), machine(tmp_path / "b")
    one, other = publish(first, inputs()), publish(second, inputs())
    assert one.record == other.record
    assert (one.path / "statement.json").read_bytes() == (
        other.path / "statement.json"
    ).read_bytes()


def test_a_byte_changed_in_the_store_is_named_and_leaves_nothing_behind(
    s3: S3, place: str, tmp_path: Path
) -> None:
    made = publish(machine(tmp_path / "a"), inputs())
    key = f"{place}files/{made.manifest.files['model/weights']}"
    s3.client.put_object(Bucket=BUCKET, Key=key, Body=b"Bytes")
    other = machine(tmp_path / "b")
    with pytest.raises(ArtifactError, match=r"filtered\.0/\w+: model/weights was altered in the"):
        other.find(inputs())
    assert not list((tmp_path / "b" / "lake").glob("study/*/*/*"))
    assert not list((tmp_path / "b" / "lake" / ".staging").glob("*"))


@pytest.mark.parametrize("name", ["../../../keys/lake.pem", "/etc/passwd", "a/../../b"])
def test_a_list_of_files_that_leads_out_of_the_artifact_is_refused(
    s3: S3, place: str, tmp_path: Path, name: str
) -> None:
    made = publish(machine(tmp_path / "a"), inputs())
    key = f"{place}artifacts/study/curated_mix/filtered.0/{made.version}.json"
    body = f'{{"{name}":"{"0" * 64}"}}'.encode()
    s3.client.put_object(Bucket=BUCKET, Key=key, Body=body)
    with pytest.raises(ArtifactError, match="its list in the store is damaged"):
        machine(tmp_path / "b").find(inputs())


def test_an_artifact_served_under_the_name_of_another_is_refused(
    s3: S3, place: str, tmp_path: Path
) -> None:
    lake = machine(tmp_path / "a")
    made, other = publish(lake, inputs()), publish(lake, inputs("another"))
    folder = f"{place}artifacts/study/curated_mix/filtered.0"
    source = {"Bucket": BUCKET, "Key": f"{folder}/{other.version}.json"}
    s3.client.copy_object(Bucket=BUCKET, Key=f"{folder}/{made.version}.json", CopySource=source)
    with pytest.raises(ArtifactError, match="records are those of another artifact"):
        machine(tmp_path / "b").find(inputs())


def test_an_upload_that_was_cut_off_is_no_artifact_and_is_completed_by_the_next(
    s3: S3, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = machine(tmp_path / "a")

    def cut_off(store: ObjectStore, name: str, content: bytes) -> bool:
        if "artifacts/" in name:
            raise KeyboardInterrupt
        return create(store, name, content)

    create = ObjectStore.create
    with monkeypatch.context() as patched:
        patched.setattr(ObjectStore, "create", cut_off)
        with pytest.raises(KeyboardInterrupt):
            publish(lake, inputs())
    assert s3.names(f"{place}files/")
    assert lake.find(inputs()) is None
    assert machine(tmp_path / "b").find(inputs()) is None
    made = publish(lake, inputs())
    found = machine(tmp_path / "b").find(inputs())
    assert found is not None
    assert found.record == made.record


def test_a_lake_that_was_local_is_shared_by_the_next_command(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as alone:
        alone.delenv("ALIGNMENT_LAKE")
        lake = machine(tmp_path / "a")
        made = publish(lake, inputs())
        for number in range(3):
            lake.journal("study").append(became(f"run {number}"))
    machine(tmp_path / "a")
    other = machine(tmp_path / "b")
    other.pull("study")
    assert other.open("study", "curated_mix", "filtered|0", made.version).record == made.record
    assert list(other.journal("study").entries()) == list(lake.journal("study").entries())
    assert other.studies() == ["study"]


def test_a_store_that_cannot_be_reached_is_one_message_and_nothing_is_published(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path / "a")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("ALIGNMENT_LAKE", f"s3://{BUCKET}/{place}unreachable")
    lake = Lake(tmp_path / "a" / "lake")
    with pytest.raises(ArtifactError, match="Could not connect to the endpoint") as told:
        publish(lake, inputs())
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)
    assert not list(lake.root.glob("study/*/*/*"))


@pytest.mark.parametrize("value", ["/a/folder", "https://bucket/x", "s3://", "s3://a:b@bucket/x"])
def test_what_is_no_address_of_a_bucket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ALIGNMENT_LAKE", value)
    with pytest.raises(AlignmentError, match="is no s3://bucket/prefix"):
        Lake(tmp_path / "lake")


def test_a_store_that_overwrites_is_refused(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = machine(tmp_path / "a")
    assert lake.shared is not None
    client = lake.shared.mirror.store.client
    put = client.put_object
    monkeypatch.setattr(
        client,
        "put_object",
        lambda IfNoneMatch, **given: put(**given),
    )
    with pytest.raises(ArtifactError, match="it ignores If-None-Match"):
        machine(tmp_path / "b")


def _append(folder: Path, name: str) -> None:
    lake = Lake(folder / "lake")
    for number in range(LINES):
        lake.journal("study").append(became(f"{name} {number}"))


def test_machines_that_append_at_once_write_one_journal(place: str, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    homes = [tmp_path / name for name in "abc"]
    writers = [context.Process(target=_append, args=(home, home.name)) for home in homes]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    journals = []
    for home in homes:
        journal = Lake(home / "lake").journal("study")
        journal.catch_up()
        assert journal.history().lines
        journals.append(journal.path.read_bytes())
    assert journals[0] == journals[1] == journals[2]
    runs = {entry.dagster_run_id for entry in journal.entries()}
    assert len(runs) == LINES * len(homes) == journals[0].count(b"\n")


def test_two_journals_that_were_begun_apart_are_not_joined(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as alone:
        alone.delenv("ALIGNMENT_LAKE")
        for name in "ab":
            machine(tmp_path / name).journal("study").append(became(name))
    machine(tmp_path / "a")
    with pytest.raises(ArtifactError, match=r"line 1 of the store is another one"):
        machine(tmp_path / "b")


def test_a_line_changed_in_the_store_does_not_reach_a_machine(
    s3: S3, place: str, tmp_path: Path
) -> None:
    lake = machine(tmp_path / "a")
    for number in range(3):
        lake.journal("study").append(became(f"run {number}"))
    key = f"{place}journal/study/00000002.json"
    line = s3.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.client.put_object(Bucket=BUCKET, Key=key, Body=line.replace(b"run 1", b"run 9"))
    with pytest.raises(ArtifactError, match="line 3 of the store does not continue it"):
        machine(tmp_path / "b").pull("study")


def test_a_line_that_was_written_though_its_answer_was_lost_is_not_written_twice(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, create = machine(tmp_path / "a"), ObjectStore.create

    def answer_lost(store: ObjectStore, name: str, content: bytes) -> bool:
        create(store, name, content)
        return False

    with monkeypatch.context() as patched:
        patched.setattr(ObjectStore, "create", answer_lost)
        lake.journal("study").append(became("run"))
    lake.journal("study").append(became("next"))
    other = machine(tmp_path / "b")
    other.pull("study")
    assert [entry.dagster_run_id for entry in other.journal("study").entries()] == ["run", "next"]


def test_a_machine_that_lost_its_copy_of_the_journal_goes_on_with_the_shared_one(
    place: str, tmp_path: Path
) -> None:
    journal = machine(tmp_path / "a").journal("study")
    journal.append(became("run"))
    before = journal.path.read_text()
    journal.path.unlink()
    journal.append(became("next"))
    assert journal.path.read_text().splitlines(True)[0] == before
    assert journal.history().lines


def test_of_two_reviews_with_one_number_the_first_is_kept_and_reaches_the_other(
    place: str, tmp_path: Path
) -> None:
    first, second = machine(tmp_path / "a"), machine(tmp_path / "b")
    one, other = (lake.root / "study" / "reviews" / "v1" / "0001.json" for lake in (first, second))
    assert first.offer(one, b"{}")
    assert not second.offer(other, b"[]")
    second.pull("study")
    assert other.read_bytes() == b"{}"


@pytest.mark.parametrize(
    "name",
    [
        "keys/lake.pem",
        "keys/trusted/../lake.pem",
        "lake/study/reviews/../../../0001.json",
        "lake/study/curated_mix/x/v1/keys/trusted/a.pem",
        "lake/study/journal.jsonl",
        "lake/study/reviews/v1/.0001.json",
    ],
)
def test_only_public_keys_and_reviews_are_taken_from_the_store(
    s3: S3, place: str, tmp_path: Path, name: str
) -> None:
    lake = machine(tmp_path / "a")
    s3.client.put_object(Bucket=BUCKET, Key=f"{place}shared/{name}", Body=b"planted")
    lake.pull("study")
    planted = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in planted if path.read_bytes() == b"planted"]
