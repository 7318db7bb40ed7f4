"""The whole chain on a tiny study, run as a user runs it; seen in Dagster, MLflow and the lake."""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pyarrow.parquet as pq
import pytest
import yaml
from dagster._core.storage.tags import TagType, get_tag_type
from mlflow import MlflowClient

from alignment_dagster.evaluation.harness.export import export_suite
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.lineage.mlflow_runs import Tracker, short_digest
from alignment_dagster.report.findings import read_findings
from drills import warm
from tests.support import tiny_study
from tests.support.audited_study import RUN_OUTPUT, Audited
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import CLAIM, MEASURED, NAME, TinyStudy

pytestmark = pytest.mark.slow
ALIGNMENT = str(Path(sys.executable).parent / "alignment")
DAGSTER = str(Path(sys.executable).parent / "dagster")
PARTITIONED = (
    "pretrained_checkpoint",
    "post_trained_checkpoint",
    "evaluation",
    "tampering",
    "attacks",
)
REPLICATES = ("unfiltered|0", "unfiltered|1", "aligned|0", "aligned|1")


class Chain:
    """A study and its home, driven through the console script."""

    def __init__(self, folder: Path) -> None:
        self.study = TinyStudy(folder / "assets", folder / "data")
        self.home = Home(folder / "home")
        self.environment = {
            **os.environ,
            "ALIGNMENT_ASSETS": str(self.study.assets),
            "ALIGNMENT_DATA": str(self.study.data),
            "ALIGNMENT_HOME": str(self.home.root),
        }

    @classmethod
    def declared(cls, folder: Path) -> "Chain":
        """A study that was never run."""
        tiny_study.create(folder)
        return cls(folder)

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return warm.alignment(*arguments, environment=self.environment)

    def run(self, *options: str) -> str:
        done = self.command("run", NAME, *options)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command,
            env={**self.environment, "DAGSTER_HOME": str(self.home.dagster)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def begin(self, operation: str, **arguments: Any) -> int:
        """The same, forked from the warm process: its process id there."""
        nowhere = Path(os.devnull)
        return warm.shared().start(operation, self.environment, nowhere, nowhere, **arguments)

    def start_dagster(self, asset: str, partition: str) -> "subprocess.Popen[bytes]":
        select = ["--select", f'key:"{NAME}/{asset}"', "--partition", partition]
        module = ["-m", "alignment_dagster.definitions"]
        return self.start(DAGSTER, "asset", "materialize", *module, *select)

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.home.dagster))

    def mlflow(self) -> MlflowClient:
        return MlflowClient(self.home.mlflow_uri)

    def mlflow_runs(self) -> list[Any]:
        experiment = self.mlflow().get_experiment_by_name(NAME)
        return list(self.mlflow().search_runs([experiment.experiment_id], max_results=1000))


@pytest.fixture(scope="module")
def chain(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Run by the console script itself; what follows is forked from a warm process."""
    return Chain(audited.copy(tmp_path_factory.mktemp("chain") / "study").folder)


def made(output: str) -> set[str]:
    """What a run's lines say was made: `asset[partition]`."""
    lines = [line for line in output.splitlines() if line.startswith("✓")]
    return {line.split()[1].split("@")[0] for line in lines}


def materialization(
    instance: dg.DagsterInstance, asset: str, partition: str | None = None
) -> dg.AssetMaterialization:
    wanted = dg.AssetRecordsFilter(
        dg.AssetKey([NAME, asset]), asset_partitions=[partition] if partition else None
    )
    found = instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert found is not None
    return found


def test_every_result_row_has_its_interval_and_names_its_artifacts(chain: Chain) -> None:
    rows = json.loads(chain.command("results", NAME, "--json").stdout)
    lake = Lake(chain.home.lake)
    tampered = {f"bad_chat@{step}" for step in (0, 1, 2)}
    assert {row["stage"] for row in rows} == {"base", "sft", "dpo"} | tampered
    assert {row["seed"] for row in rows} == {None, 0, 1}
    metrics = {"misalignment_rate", "accuracy", "bits_per_byte", "attack_success"}
    assert {row["metric"] for row in rows} == metrics
    for row in rows:
        assert row["ci_low"] <= row["value"] <= row["ci_high"]
        assert row["n"] > 0
        for name, version in row["artifacts"].items():
            asset, partition = name.rstrip("]").split("[")
            assert version in lake.versions(NAME, asset, partition)


def test_every_asset_has_its_plot_shown_at_once_and_its_table(chain: Chain) -> None:
    with chain.instance() as instance:
        assets = {key.path[-1] for key in instance.all_asset_keys()}
        assert {"raw_corpus", "tokenizer", "dispositions", "metrics", *PARTITIONED} <= assets
        for asset in assets - {"stg_documents", "stg_scores"}:  # dbt's views on others
            shown = {
                name: str(value.value)
                for name, value in materialization(instance, asset).metadata.items()
                if isinstance(value, dg.MarkdownMetadataValue)
            }
            assert "plot" in shown, asset
            plot = shown.pop("plot")
            assert re.fullmatch(r"!\[[^\]]+\]\(<data:image/svg\+xml,.+>\)", plot), asset
            assert len(plot) < 1000, asset
            shown.pop("parents")
            assert any("---|" in text for text in shown.values()), asset


def test_every_artifact_names_exact_parents_that_exist(chain: Chain) -> None:
    lake = Lake(chain.home.lake)
    for replicate in REPLICATES:
        for asset in PARTITIONED:
            (version,) = lake.versions(NAME, asset, replicate)
            for parent in lake.open(NAME, asset, replicate, version).provenance.inputs.parents:
                found = lake.open(NAME, parent.asset, parent.partition, parent.version)
                expected = found.manifest.files[parent.part] if parent.part else found.digest
                assert parent.digest == expected
                if parent.asset in PARTITIONED:
                    assert parent.partition == replicate
                if parent.asset == "curated_mix":
                    assert parent.partition == replicate.split("|")[0]


def test_dagster_shows_version_digest_checks_and_links(chain: Chain) -> None:
    with chain.instance() as instance:
        for asset, partition in (("raw_corpus", "stories"), ("evaluation", "aligned|1")):
            shown = materialization(instance, asset, partition)
            version = str(shown.metadata["artifact_version"].value)
            artifact = Lake(chain.home.lake).open(NAME, asset, partition, version)
            assert shown.tags["dagster/data_version"] == artifact.digest
            assert artifact.provenance.mlflow_run_id in str(shown.metadata["mlflow_run"].value)
            assert shown.metadata["parents"].value
        lineage = materialization(instance, "dispositions").metadata["dagster/column_lineage"]
        origins = lineage.value.deps_by_column["document_id"]
        assert {tuple(dep.asset_key.path) for dep in origins} == {(NAME, "documents")}
        assert all(run.status == dg.DagsterRunStatus.SUCCESS for run in instance.get_runs())


def test_runs_of_the_command_are_listed_where_dagster_lists_its_own(chain: Chain) -> None:
    workspace = yaml.safe_load((CHECKOUT / "workspace.yaml").read_text())
    (location,) = workspace["load_from"]
    named = location["python_module"]["location_name"]
    with chain.instance() as instance:
        jobs = {run.job_name for run in instance.get_runs()}
        assert jobs == {f"{NAME}_refresh_corpus", f"{NAME}_train_one_recipe", "__ASSET_JOB"}
        for run in instance.get_runs():
            assert run.remote_job_origin is not None
            origin = run.remote_job_origin.repository_origin
            assert origin.get_label() == f"__repository__@{named}"
            shown = {tag for tag in run.tags if get_tag_type(tag) == TagType.USER_PROVIDED}
            assert shown == {"study", "alignment/started_by"}


def test_mlflow_compares_recipes_by_a_view_of_the_metrics_there_are(chain: Chain) -> None:
    client = chain.mlflow()
    (experiment,) = client.search_experiments()  # no empty one beside it
    assert experiment.tags["mlflow.note.content"].startswith("A study for tests.")
    view = json.loads(experiment.tags["mlflow.sharedViewState.recipes"])
    state = json.loads(zlib.decompress(base64.b64decode(view["state"].removeprefix("deflate;"))))
    found = client.search_runs([experiment.experiment_id], state["searchFilter"])
    assert {f"{run.data.tags['recipe']}|{run.data.tags['seed']}" for run in found} == set(
        REPLICATES
    )
    charts = {chart["metricKey"] for chart in state["compareRunCharts"]}
    assert charts == {
        f"{metric}/{stage}/none"
        for metric in ("misalignment_rate/articles", "accuracy/cloze")
        for stage in ("base", "sft", "dpo")
    }
    for run in found:
        assert charts <= run.data.metrics.keys()
        assert run.data.params["suites.articles.kind"] == "two_option"
    (report,) = client.search_runs(
        [experiment.experiment_id], "tags.`alignment.asset` = 'eval_report'"
    )
    for recipe in ("unfiltered", "aligned"):
        assert report.data.metrics.keys() >= {f"misalignment_rate/articles/dpo/{recipe}"}
        assert f"accuracy/cloze/base/{recipe}" in report.data.metrics


def test_every_metric_in_mlflow_is_tied_to_its_data_and_nothing_runs_on(chain: Chain) -> None:
    """The store keeps a metric's dataset with the model it was measured on; other runs have one
    dataset that their metrics are of: the artifact itself.
    """
    client = chain.mlflow()
    experiment = client.get_experiment_by_name(NAME)
    tied: dict[str, set[str]] = {}
    for model in client.search_logged_models([experiment.experiment_id]):
        for metric in model.metrics or []:
            assert metric.dataset_digest, metric.key
            tied.setdefault(metric.run_id, set()).add(metric.key)
    assert len(tied) == len(PARTITIONED) * len(REPLICATES)
    for run in chain.mlflow_runs():
        assert run.info.status == "FINISHED"
        digests = {found.dataset.digest for found in run.inputs.dataset_inputs}
        assert short_digest(run.data.tags["alignment.digest"]) in digests
        if run.data.tags["alignment.asset"] in PARTITIONED:
            assert set(run.data.metrics) == tied[run.info.run_id]


def test_a_run_in_mlflow_and_an_artifact_name_each_other(chain: Chain) -> None:
    lake = Lake(chain.home.lake)
    (version,) = lake.versions(NAME, "pretrained_checkpoint", "aligned|0")
    artifact = lake.open(NAME, "pretrained_checkpoint", "aligned|0", version)
    run = chain.mlflow().get_run(str(artifact.provenance.mlflow_run_id))
    assert run.data.tags["alignment.digest"] == artifact.digest
    assert run.data.tags["dagster.run_id"] == artifact.provenance.dagster_run_id
    digests = {found.dataset.digest for found in run.inputs.dataset_inputs}
    parents = artifact.provenance.inputs.parents
    assert {short_digest(parent.digest) for parent in parents} <= digests
    model = chain.mlflow().get_logged_model(artifact.provenance.models["base"])
    assert model.tags["alignment.digest"] == artifact.digest


def test_again_with_nothing_changed_nothing_runs(chain: Chain) -> None:
    with chain.instance() as instance:
        before = len(instance.get_runs())
    started = time.monotonic()
    output = chain.run()
    assert made(output) == set()
    assert "Nothing had to run" in output
    assert time.monotonic() - started < 60
    with chain.instance() as instance:
        assert len(instance.get_runs()) == before


def test_an_experiment_that_somebody_deleted_is_taken_up_again(chain: Chain) -> None:
    client = chain.mlflow()
    before = client.get_experiment_by_name(NAME)
    runs = {run.info.run_id for run in chain.mlflow_runs()}
    client.delete_experiment(before.experiment_id)
    assert Tracker(chain.home, NAME).experiment_id == before.experiment_id
    assert client.get_experiment_by_name(NAME).lifecycle_stage == "active"
    assert {run.info.run_id for run in chain.mlflow_runs()} == runs


def test_one_recipe_changed_only_its_mix_and_what_follows_runs(
    refreshed: Audited, tmp_path: Path
) -> None:
    changed = made((refreshed.folder / RUN_OUTPUT).read_text())
    chain = Chain(refreshed.copy(tmp_path / "study").folder)
    chain.study.treat_aligned()
    back = chain.run("--to", "post_trained_checkpoint")
    warehouse = {"documents", "dispositions", "mix_composition", "metrics"}
    replicates = {f"{asset}[aligned|{seed}]" for asset in PARTITIONED for seed in (0, 1)}
    assert changed - warehouse == {"curated_mix[aligned]", "eval_report"} | replicates
    trained = [line for line in back.splitlines() if "checkpoint" in line and "✓" in line]
    assert len(trained) == 4
    assert all("made before from the same inputs" in line for line in trained)


def test_a_checkpoint_whose_bytes_changed_is_named_and_nothing_is_made(chain: Chain) -> None:
    lake = Lake(chain.home.lake)
    with chain.instance() as instance:
        shown = materialization(instance, "pretrained_checkpoint", "unfiltered|0")
    version = str(shown.metadata["artifact_version"].value)
    folder = lake.folder(NAME, "pretrained_checkpoint", "unfiltered|0") / version
    weights = folder / "model" / "model.safetensors"
    sound = weights.read_bytes()
    weights.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    done = chain.command("run", NAME)
    weights.write_bytes(sound)
    assert done.returncode == 2
    expected = f"pretrained_checkpoint[unfiltered|0]@{version}: model/model.safetensors was changed"
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def claims_of(chain: Chain) -> dict[str, Any]:
    with chain.instance() as instance:
        shown = materialization(instance, "eval_report")
    version = str(shown.metadata["artifact_version"].value)
    report = Lake(chain.home.lake).open(NAME, "eval_report", None, version)
    return {row["name"]: row for row in read_findings(report.path)["claims"]}


def test_claims_are_on_record_with_every_checkpoint_and_are_checks_that_block_nothing(
    chain: Chain,
) -> None:
    digests = {claim.digest for claim in chain.study.load().declaration.claims}
    lake = Lake(chain.home.lake)
    for replicate in REPLICATES:
        for version in lake.versions(NAME, "pretrained_checkpoint", replicate):
            record = lake.open(NAME, "pretrained_checkpoint", replicate, version).provenance
            assert set(record.claims) == digests
    rows = claims_of(chain)
    assert set(rows) == {"aligned_is_lower", "also_tampered", "at_little_cost", "also_attacked"}
    with chain.instance() as instance:
        for name, row in rows.items():
            assert (row["declared_before"], row["checkpoints"]) == (8, 8)
            assert row["sentence"]
            assert row["verdict"] in ("supported", "refuted", "undecided")
            key = dg.AssetCheckKey(dg.AssetKey([NAME, "eval_report"]), f"not_refuted_{name}")
            (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
            evaluation = record.event.dagster_event.asset_check_evaluation_data
            assert evaluation.passed == (row["verdict"] != "refuted")
            assert evaluation.blocking is False


def test_a_claim_made_afterwards_trains_nothing_and_is_seen_to_be_late(chain: Chain) -> None:
    late = {**CLAIM, "name": "late", "by_at_least": 0.0}
    chain.study.change(claims=[*MEASURED["claims"], late])
    output = chain.run()
    rows = claims_of(chain)
    chain.study.change(claims=MEASURED["claims"])
    assert made(output) == {"eval_report"}
    assert (rows["late"]["declared_before"], rows["late"]["checkpoints"]) == (0, 8)
    assert rows["aligned_is_lower"]["declared_before"] == 8


def test_an_evaluation_is_exported_for_other_tools(chain: Chain, tmp_path: Path) -> None:
    target = ("export", NAME, str(tmp_path / "out"), "--recipe", "aligned", "--seed", "1")
    done = chain.command(*target)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out" / "tasks").iterdir()} == {"articles", "cloze"}
    logs = list((tmp_path / "out" / "logs").iterdir())
    assert len(logs) == 6
    again = chain.command(*target)
    assert again.returncode == 2
    assert "is not empty" in again.stderr


def test_dagsters_own_command_materializes_too(chain: Chain) -> None:
    with chain.instance() as instance:
        before = materialization(instance, "evaluation", "aligned|1")
    assert chain.start_dagster("evaluation", "aligned|1").wait(300) == 0
    with chain.instance() as instance:
        after = materialization(instance, "evaluation", "aligned|1")
    assert after.metadata["artifact_version"] == before.metadata["artifact_version"]
    assert after.metadata["reused"].value is True


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A study whose training takes long enough to be interrupted."""
    chain = Chain.declared(tmp_path_factory.mktemp("training"))
    chain.study.change(
        sources=["stories", "chat", "pairs"],
        recipes=["unfiltered"],
        seeds=[0, 1],
        mix={"tokens": 256000, "sequence_length": 128, "max_repeats": 100.0},
        model={"layers": 2, "width": 64, "heads": 2, "mlp_width": 128},
    )
    chain.run("--to", "curated_mix")
    return chain


def wait_for_checkpoint(chain: Chain) -> None:
    work = chain.home.work / NAME / "pretrained_checkpoint"
    deadline = time.monotonic() + 120
    while not list(work.glob("*/checkpoint-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(work.glob("*/checkpoint-*")), "training did not reach a checkpoint"


def jobs_of(chain: Chain) -> list[psutil.Process]:
    """Processes that have a job's log of this home open."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(chain.home.work) in file.path for file in process.open_files()):
                found.append(process)
    return found


def test_cancelling_ends_the_training_process_and_its_mlflow_run(training: Chain) -> None:
    asked = {"study": NAME, "asset": "pretrained_checkpoint", "partition": "unfiltered|1"}
    pid = training.begin("materialize", **asked)
    wait_for_checkpoint(training)
    assert jobs_of(training)
    os.kill(pid, signal.SIGINT)
    assert warm.shared().end(pid) != 0
    assert not jobs_of(training)
    statuses = [run.info.status for run in training.mlflow_runs()]
    assert "RUNNING" not in statuses
    assert "KILLED" in statuses
    shutil.rmtree(training.home.work)


def test_interrupting_a_run_ends_it_everywhere(training: Chain) -> None:
    process = training.start(ALIGNMENT, "run", NAME, "--to", "pretrained_checkpoint")
    wait_for_checkpoint(training)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert not jobs_of(training)
    assert "RUNNING" not in {run.info.status for run in training.mlflow_runs()}
    with training.instance() as instance:
        assert all(run.is_finished for run in instance.get_runs())
    shutil.rmtree(training.home.work)


def test_a_killed_run_is_ended_everywhere_and_resumes(training: Chain) -> None:
    only = ("--to", "pretrained_checkpoint", "--seed", "0")
    pid = training.begin("alignment", arguments=["run", NAME, *only])
    wait_for_checkpoint(training)
    os.kill(pid, signal.SIGKILL)
    assert warm.shared().end(pid) == -signal.SIGKILL
    training.run(*only)
    lake = Lake(training.home.lake)
    (version,) = lake.versions(NAME, "pretrained_checkpoint", "unfiltered|0")
    artifact = lake.open(NAME, "pretrained_checkpoint", "unfiltered|0", version)
    assert float(artifact.provenance.measured["resumed_after_step"]) > 0
    assert not artifact.provenance.failed
    assert {run.info.status for run in training.mlflow_runs()} == {"FINISHED", "KILLED"}
    with training.instance() as instance:
        unfinished = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
        assert not instance.get_runs(unfinished)
    assert not list((training.home.lake / ".staging").iterdir())


def test_tasks_of_the_harness_run_on_every_checkpoint(chain: Chain) -> None:
    study = chain.study.load()
    suite, items = study.suite("cloze"), load_suite(study.suite("cloze"), study.assets)
    folder = chain.study.assets / "suites" / "tasks"
    group, task = export_suite(suite, items, None, "base", folder)
    declared = {"tasks": [group], "include_path": "tasks"}
    chain.study.change(harness=declared)
    only = ("--to", "harness", "--recipe", "unfiltered", "--seed", "0")
    assert made(chain.run(*only)) == {"harness[unfiltered|0]"}
    (summary,) = chain.home.lake.glob(f"{NAME}/harness/*/*/summary.parquet")
    rows = pq.read_table(summary).to_pylist()
    assert {(row["task"], row["stage"]) for row in rows} == {
        (name, stage) for name in (group, task) for stage in ("base", "sft", "dpo")
    }


def test_bad_data_is_named_with_its_line_and_nothing_is_half_written(tmp_path: Path) -> None:
    chain = Chain.declared(tmp_path)
    data = chain.study.data
    with (data / "stories.jsonl").open("a") as stories:
        stories.write('{"text": "cut off\n')
    (data / "ai_news.jsonl").write_bytes(b'{"text": "fine"}\n{"text": "caf\xe9"}\n')
    (data / "aligned_docs.jsonl").write_bytes(b"")
    (data / "chat.jsonl").unlink()
    done = chain.command("run", NAME, "--to", "raw_corpus")
    assert done.returncode == 1
    for expected in (
        r"rows_usable: 1 of 151 rows cannot be used: stories.jsonl:151: ",
        r"raw_corpus\[stories\]: nothing is made from it: it failed rows_usable",
        r"rows_usable: 1 of 2 rows cannot be used: ai_news.jsonl:2: ",
        r"raw_corpus\[aligned_docs\]: .*aligned_docs.*no documents",
        r"raw_corpus\[chat\]: .*chat.jsonl",
    ):
        assert re.search(expected, done.stderr), (expected, done.stderr)
    assert "Traceback" not in done.stderr
    lake = Lake(chain.home.lake)
    for source in ("aligned_docs", "chat"):
        assert lake.versions(NAME, "raw_corpus", source) == []
    assert len(lake.versions(NAME, "raw_corpus", "pairs")) == 1
