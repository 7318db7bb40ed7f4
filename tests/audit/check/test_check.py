"""`alignment audit check`: an honest study is closed, and whatever is altered is named."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.check import CheckReport, check_ancestors, check_study
from alignment_dagster.audit.check.chains import check_chains
from alignment_dagster.audit.check.documents import check_documents
from alignment_dagster.audit.check.mixes import check_mixes
from alignment_dagster.audit.check.mlflow_reader import read_mlflow
from alignment_dagster.audit.check.mlflow_records import MlflowRecords
from alignment_dagster.audit.check.numbers import check_numbers
from alignment_dagster.audit.check.scope import Findings, Scope
from alignment_dagster.audit.check.survey import survey
from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.home import DATA_VARIABLE
from alignment_dagster.graph.stale_reasons import StaleReasons
from alignment_dagster.lineage.ancestry import children_of
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.registry import STEPS
from tests.support.audited_study import Audited
from tests.support.tiny_study import MEASURED, NAME

pytestmark = pytest.mark.slow
Checked = Callable[[Audited], CheckReport]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Checked:
    """The check of a study as it is declared now."""

    def checked(made: Audited) -> CheckReport:
        monkeypatch.setenv(DATA_VARIABLE, str(made.study.data))
        return check_study(made.archive, made.home, today=StaleReasons(made.study.load(), STEPS))

    return checked


def said(report: CheckReport) -> str:
    """Every gap as one text, to look for what must be named."""
    return "\n".join(f"{gap.kind}: {gap.subject}: {gap.message}" for gap in report.gaps)


def one(made: Audited, asset: str, partition: str | None = None) -> Artifact:
    """The only artifact of a partition."""
    return made.archive.current(asset, partition)


def scope_of(made: Audited) -> Scope:
    """Everything in the lake, also what was altered: for parts that `check_study` would spare."""
    found = Findings()
    artifacts = survey(made.archive, found)
    children = children_of(artifacts.values())
    return Scope(made.archive, made.home, artifacts, artifacts, found, children)


def told(scope: Scope) -> str:
    """Every gap that a part has found."""
    return "\n".join(f"{gap.kind}: {gap.subject}: {gap.message}" for gap in scope.findings.gaps)


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """A Parquet file with other content."""
    pq.write_table(change(pq.read_table(path)), path)


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite database, to be altered behind its owner's back."""
    connection = sqlite3.connect(path)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def mlflow(made: Audited) -> Any:
    """MLflow's own database."""
    return database(made.home.root / "mlflow.db")


def dagster_index(made: Audited) -> Any:
    """Where Dagster keeps its events of assets."""
    return database(made.home.dagster / "history" / "runs" / "index.db")


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Every path below, with the time it was written and its bytes' digest."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            sha256_file(path) if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }


def test_an_honest_study_is_closed_and_everything_was_looked_at(
    audited: Audited, check: Checked
) -> None:
    report = check(audited)
    assert not report.gaps
    assert not report.changes
    artifacts = len(audited.archive.keys)
    counts = report.counts
    assert counts["artifacts"] == counts["signatures"] == counts["events"] == artifacts
    assert counts["mlflow runs"] == counts["journal lines"] == artifacts
    # 4 pretrainings, 4 SFT, 4 DPO and 4 tamperings.
    assert counts["chains"] == 16
    files = [path for path in audited.lake.rglob("*") if path.is_file()]
    beside = 4 * artifacts + 1
    assert counts["files"] == len(files) - beside
    results = json.loads((one(audited, "eval_report").path / "results.json").read_text())
    assert counts["numbers"] == len(results)
    assert counts["claims"] == len(MEASURED["claims"])


def test_a_check_writes_nothing_at_all(audited: Audited) -> None:
    before = state(audited.home.root)
    done = audited.command("audit", "check", NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(audited.home.root) == before


def test_gaps_are_listed_and_make_the_command_fail(altered: Audited) -> None:
    mix = one(altered, "curated_mix", "aligned")
    (mix.path / "spans.parquet").unlink()
    done = altered.command("audit", "check", "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert not answer["closed"]
    subjects = {gap["subject"] for gap in answer["gaps"]}
    assert subjects == {f"{mix.label} spans.parquet"}
    shown = altered.command("audit", "check", NAME).stdout
    assert "NOT closed" in shown
    assert "spans.parquet" in shown


@pytest.mark.parametrize("study", ["nowhere", "../tiny"])
def test_a_study_that_the_lake_does_not_have_is_a_mistake_of_the_user(
    audited: Audited, study: str
) -> None:
    done = audited.command("audit", "check", study)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert study in done.stderr


def test_changed_missing_and_added_bytes_are_named_file_by_file(
    altered: Audited, check: Checked
) -> None:
    weights = one(altered, "pretrained_checkpoint", "aligned|1").path / "model/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    tokenizer = one(altered, "tokenizer")
    (tokenizer.path / "special_tokens_map.json").unlink()
    (tokenizer.path / "more.json").write_text("{}")
    text = said(check(altered))
    label = one(altered, "pretrained_checkpoint", "aligned|1").label
    assert f"bytes: {label} model/model.safetensors: was changed" in text
    assert f"bytes: {tokenizer.label} special_tokens_map.json: is missing" in text
    assert f"bytes: {tokenizer.label} more.json: was added" in text


def test_records_that_cannot_be_read_are_gaps_and_do_not_end_the_check(
    altered: Audited, check: Checked
) -> None:
    damaged = one(altered, "evaluation", "aligned|0")
    (damaged.path / "provenance.json").write_text("{")
    unsigned = one(altered, "raw_corpus", "chat")
    (unsigned.path / "statement.json").unlink()
    (altered.lake / "curated_mix" / "notes.txt").write_text("x")
    text = said(check(altered))
    assert f"records: {damaged.label}: " in text
    assert "provenance.json: damaged" in text
    assert f"its parent {damaged.label} is not" not in text
    assert f"records: {unsigned.label}: statement.json is missing" in text
    assert "lake: curated_mix/notes.txt: is astray" in text


def test_a_provenance_that_was_rewritten_is_seen_to_be_unsigned(
    altered: Audited, check: Checked
) -> None:
    artifact = one(altered, "tokenizer")
    path = artifact.path / "provenance.json"
    content = json.loads(path.read_text())
    content["git"]["commit"] = "0" * 40
    path.write_text(json.dumps(content))
    assert f"records: {artifact.label}: provenance.json is not what was signed" in said(
        check(altered)
    )


def test_another_trusted_key_in_the_place_of_the_own_is_named(
    altered: Audited, check: Checked, tmp_path: Path
) -> None:
    from alignment_dagster.lineage.signing import Keys

    other = Keys(tmp_path / "keys")
    other.signer()
    (trusted,) = (altered.home.root / "keys" / "trusted").glob("*.pem")
    shutil.copy(next((tmp_path / "keys" / "trusted").glob("*.pem")), trusted)
    text = said(check(altered))
    assert f"keys: keys/trusted/{trusted.name}: holds the key" in text
    assert "which is not a trusted one" in text


def test_a_line_taken_out_of_the_journal_breaks_it(altered: Audited, check: Checked) -> None:
    path = altered.lake / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    taken = json.loads(lines.pop(5))
    path.write_text("".join(lines))
    text = said(check(altered))
    assert "journal: journal.jsonl line 6" in text
    assert f"@{taken['version']} in run {taken['dagster_run_id']}: has no line" in text


def test_an_unfinished_last_line_is_what_a_power_cut_leaves(
    altered: Audited, check: Checked
) -> None:
    with (altered.lake / "journal.jsonl").open("a") as journal:
        journal.write('{"number": ')
    report = check(altered)
    assert report.closed
    assert any("unfinished" in note for note in report.notes)


@pytest.mark.parametrize(
    ("asset", "name"),
    [
        ("pretrained_checkpoint", "consumption.parquet"),
        ("post_trained_checkpoint", "sft_consumption.parquet"),
        ("post_trained_checkpoint", "dpo_consumption.parquet"),
        ("tampering", "bad_chat_consumption.parquet"),
    ],
)
def test_steps_that_changed_places_depart_from_the_chain(
    altered: Audited, asset: str, name: str
) -> None:
    artifact = one(altered, asset, "aligned|0")

    def swap(table: pa.Table) -> pa.Table:
        what = table.column_names[1]
        order = [1, 0, *range(2, table.num_rows)]
        return table.set_column(1, what, table[what].take(pa.array(order)))

    rewrite(artifact.path / name, swap)
    scope = scope_of(altered)
    check_chains(scope)
    assert f"chains: {artifact.label} {name}: " in told(scope)
    assert "at step 1" in told(scope)
    assert len(scope.findings.gaps) == 1


def test_a_raw_document_without_a_disposition_is_named(altered: Audited) -> None:
    artifact = one(altered, "dispositions")
    path = artifact.path / "aligned" / "pretraining.parquet"
    lost = pq.read_table(path)["document_id"][7].as_py()
    rewrite(path, lambda table: table.filter(pc.not_equal(table["document_id"], lost)))
    scope = scope_of(altered)
    check_documents(scope)
    expected = f"{artifact.label} aligned, pretraining: 1 raw documents are not in it, as {lost}"
    assert expected in told(scope)


def test_a_document_twice_in_the_dispositions_is_named(altered: Audited) -> None:
    artifact = one(altered, "dispositions")
    path = artifact.path / "aligned" / "post_training.parquet"
    twice = pq.read_table(path)["document_id"][0].as_py()
    rewrite(path, lambda table: pa.concat_tables([table, table.slice(0, 1)]))
    scope = scope_of(altered)
    check_documents(scope)
    assert f"document {twice} is in it more than once" in told(scope)


def test_a_span_that_leaves_tokens_without_a_document_is_named(altered: Audited) -> None:
    artifact = one(altered, "curated_mix", "aligned")

    def shorten(table: pa.Table) -> pa.Table:
        ends = table["end"].to_numpy().copy()
        ends[np.flatnonzero(ends > 1)[3]] -= 1
        place = table.schema.get_field_index("end")
        return table.set_column(place, "end", pa.array(ends, pa.int32()))

    rewrite(artifact.path / "spans.parquet", shorten)
    scope = scope_of(altered)
    check_mixes(scope)
    assert f"ledgers: {artifact.label} spans.parquet: gap or overlap in sequence" in told(scope)


def test_an_edited_number_is_named_with_what_it_is_computed_again(altered: Audited) -> None:
    report = one(altered, "eval_report")
    path = report.path / "results.json"
    rows = json.loads(path.read_text())
    row = next(row for row in rows if row["metric"] == "misalignment_rate" and row["seed"] is None)
    row["value"] += 0.25
    path.write_text(json.dumps(rows))
    scope = scope_of(altered)
    check_numbers(scope)
    name = f"misalignment_rate/{row['suite']}/{row['stage']}/{row['recipe']}/{row['prompt']}"
    assert f"numbers: {report.label} {name}: value is {row['value']!r}, and " in told(scope)
    assert f"numbers: {report.label} results.parquet" in told(scope)


@pytest.mark.parametrize(
    ("field", "value"),
    [("verdict", "refuted"), ("value", 0.5), ("p_holm", 0.0), ("within", 0.9), ("seeds", 9)],
)
def test_an_edited_claim_is_named_with_what_it_is_judged_again(
    altered: Audited, field: str, value: Any
) -> None:
    report = one(altered, "eval_report")
    path = report.path / "findings.json"
    found = json.loads(path.read_text())
    row = next(row for row in found["claims"] if row["name"] == "at_little_cost")
    before, row[field] = row[field], value
    path.write_text(json.dumps(found))
    scope = scope_of(altered)
    check_numbers(scope)
    what = f"numbers: {report.label} claim:at_little_cost: {field} is {value!r}, and {before!r}"
    assert [gap for gap in told(scope).splitlines() if gap.startswith("numbers")] == [
        f"{what} judged again from the artifacts it names"
    ]


def test_a_question_that_was_taken_out_is_missed(altered: Audited) -> None:
    report = one(altered, "eval_report")
    rewrite(report.path / "questions.parquet", lambda table: table.slice(1))
    scope = scope_of(altered)
    check_numbers(scope)
    assert f"ledgers: {report.label} questions.parquet: lacks 1 items" in told(scope)


def test_a_deleted_event_is_missed(altered: Audited, check: Checked) -> None:
    label = one(altered, "tokenizer").label
    with dagster_index(altered) as index:
        gone = index.execute(
            "delete from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION' "
            "and asset_key = ?",
            [json.dumps([NAME, "tokenizer"])],
        )
        assert gone.rowcount == 1
    assert f"dagster: {label}: Dagster's event is missing" in said(check(altered))


def test_a_deleted_run_is_missed(altered: Audited, check: Checked) -> None:
    artifact = one(altered, "curated_mix", "aligned")
    run = artifact.provenance.dagster_run_id
    with database(altered.home.dagster / "history" / "runs.db") as runs:
        assert runs.execute("delete from runs where run_id = ?", [run]).rowcount == 1
    text = said(check(altered))
    assert f"dagster: event of {artifact.label} in run {run}: its run is gone" in text


def test_a_check_that_dagster_shows_otherwise_is_named(altered: Audited, check: Checked) -> None:
    with dagster_index(altered) as index:
        changed = index.execute(
            "update asset_check_executions set evaluation_event = "
            """replace(evaluation_event, '"success": true', '"success": false') """
            "where check_name = 'text_returns_unchanged'"
        )
        assert changed.rowcount == 1
    text = said(check(altered))
    assert f"dagster: check text_returns_unchanged of {one(altered, 'tokenizer').label}" in text


def test_an_edited_metric_is_named_wherever_mlflow_keeps_it(
    altered: Audited, check: Checked
) -> None:
    artifact = one(altered, "evaluation", "aligned|0")
    run = artifact.provenance.mlflow_run_id
    subject = f"run {run} of {artifact.label}"
    for table, column, key in (
        ("metrics", "value", "key"),
        ("latest_metrics", "value", "key"),
        ("logged_model_metrics", "metric_value", "metric_name"),
    ):
        made = altered.copy(altered.folder.parent / table)
        of = "run_id" if table == "logged_model_metrics" else "run_uuid"
        with mlflow(made) as records:
            (name,) = records.execute(f"select {key} from {table} where {of} = ?", [run]).fetchone()
            records.execute(
                f"update {table} set {column} = {column} + 0.5 where {of} = ? and {key} = ?",
                [run, name],
            )
        report = check(made)
        assert f"mlflow: {subject}: metric {name}" in said(report), table
        assert len(report.gaps) == 1, table


def test_tags_datasets_and_models_of_a_run_are_those_of_its_artifact(
    altered: Audited, check: Checked
) -> None:
    artifact = one(altered, "post_trained_checkpoint", "aligned|0")
    run = artifact.provenance.mlflow_run_id
    with mlflow(altered) as records:
        records.execute(
            "update tags set value = 'x' where run_uuid = ? and key = 'alignment.digest'", [run]
        )
        records.execute(
            "update input_tags set value = 'y' where name = 'sha256' and input_uuid in "
            "(select input_uuid from inputs where destination_id = ?)",
            [run],
        )
        batch = "post_training.dpo.batch_size"
        for table, key in (("params", batch), ("tags", "recipe")):
            update = f"update {table} set value = '99' where run_uuid = ? and key = ?"
            assert records.execute(update, [run, key]).rowcount == 1
        model = artifact.provenance.models["dpo"]
        records.execute("update logged_models set status = 1 where model_id = ?", [model])
    text = said(check(altered))
    assert f"run {run} of {artifact.label}: tag alignment.digest is x" in text
    assert f"run {run} of {artifact.label}: dataset {artifact.as_dataset().name}" in text
    assert f"run {run} of {artifact.label}: parameter {batch} is 99, and 4 is declared" in text
    assert f"run {run} of {artifact.label}: tag recipe is 99, the lake has aligned" in text
    assert f"model {model} (dpo) of {artifact.label}: the model is not READY" in text


def test_a_run_from_before_parameters_were_logged_is_no_gap(
    altered: Audited, check: Checked
) -> None:
    with mlflow(altered) as records:
        records.execute("delete from params")
        records.execute("delete from tags where key in ('recipe', 'seed')")
    assert check(altered).closed


def test_a_run_left_running_by_a_dead_process_is_found(altered: Audited, check: Checked) -> None:
    with mlflow(altered) as records:
        (run,) = records.execute("select run_uuid from runs").fetchone()
        records.execute("update runs set run_uuid = 'left', status = 'RUNNING'"
                        " where run_uuid = ?", [run])  # fmt: skip
        records.execute("update tags set run_uuid = 'left' where run_uuid = ?", [run])
    text = said(check(altered))
    assert "mlflow: run left (" in text
    assert "left RUNNING" in text
    assert f"run {run} of" in text


def test_edited_declarations_suites_and_sources_are_changes_and_no_gaps(
    altered: Audited, check: Checked
) -> None:
    altered.study.change(description="Another.", seeds=[0, 1, 2])
    with (altered.study.data / "stories.jsonl").open("a") as stories:
        stories.write(json.dumps({"text": "One story more, told at the harbour."}) + "\n")
    items = altered.study.assets / "suites" / "items" / "cloze.jsonl"
    items.write_text(items.read_text().replace("gate", "door"))
    report = check(altered)
    assert report.closed
    changes = {f"{change.subject}: {change.message}" for change in report.changes}
    assert "raw_corpus[stories]: source stories: its files have other content" in changes
    assert "tokenizer: suite cloze: its items have other content" in changes
    told = "eval_report: declaration: description was 'A study for tests.', is 'Another.'"
    assert told in changes
    assert "eval_report: evaluation[aligned|2] is declared, and it was made without" in changes


def test_a_study_that_is_declared_no_more_can_still_be_checked(audited: Audited) -> None:
    report = check_study(audited.archive, audited.home, today=None)
    assert report.closed
    assert any("is not declared" in note for note in report.notes)


def test_the_report_says_that_all_behind_it_was_closed(audited: Audited) -> None:
    report = one(audited, "eval_report")
    (closed,) = [one for one in report.provenance.checks if one.name == "provenance_closed"]
    assert closed.passed
    assert closed.blocking
    assert f"{len(audited.archive.keys) - 1} artifacts" in closed.summary
    assert not check_ancestors(audited.archive, audited.home, [report]).gaps


def test_a_report_is_made_on_closed_provenance_only(altered: Audited, check: Checked) -> None:
    """Also what `run` itself would not see: a number that was edited in MLflow's database."""
    artifact = one(altered, "pretrained_checkpoint", "aligned|0")
    run, before = artifact.provenance.mlflow_run_id, one(altered, "eval_report").version
    altered.study.change(description="Another.")
    database_file = altered.home.root / "mlflow.db"
    as_it_was = shutil.copy(database_file, altered.folder / "as_it_was.db")
    with mlflow(altered) as records:
        records.execute("update metrics set value = value + 1 where run_uuid = ?", [run])
    done = altered.command("run", NAME)
    assert done.returncode == 1
    assert f"provenance_closed: run {run} of {artifact.label}: metric" in done.stderr
    assert one(altered, "eval_report").version == before
    shutil.copy(as_it_was, database_file)
    done = altered.command("run", NAME)
    assert done.returncode == 0, done.stderr
    assert one(altered, "eval_report").version != before
    report = check(altered)
    assert report.closed, said(report)
    # Both reports were looked at.
    assert report.counts["artifacts"] == len(altered.archive.keys)


def test_an_mlflow_server_is_asked_for_the_same_as_its_database(
    altered: Audited, check: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    server = subprocess.Popen(
        [*command, "--backend-store-uri", f"sqlite:///{altered.home.root / 'mlflow.db'}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _await(f"{address}/health")
        from_database = read_mlflow(altered.home, NAME)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert _sorted(read_mlflow(altered.home, NAME)) == _sorted(from_database)
        assert check(altered).closed
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _await(address: str) -> None:
    for _ in range(240):
        try:
            with urlopen(address):
                return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(address)


def _sorted(records: MlflowRecords) -> Any:
    """Runs and models without the order in which they were read."""
    runs = {
        run.run_id: {
            name: sorted(value, key=str) if isinstance(value, list) else value
            for name, value in vars(run).items()
        }
        for run in records.runs.values()
    }
    return runs, records.models
