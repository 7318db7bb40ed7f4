"""While a model trains it is told what it makes of held-out documents, and trains the same."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.evaluation.model.losses import HeldOutDocument, document_losses
from alignment_dagster.foundation.job import PROGRESS, Progress
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.mixing.held_out import write_held_out
from alignment_dagster.training.model_folder import read_model, read_tokenizer
from alignment_dagster.training.pretraining.pretrain import pretrain
from tests.support.training_jobs import LENGTH, Jobs, sentence

SOURCES = ("news", "stories")


@pytest.fixture
def held_out(jobs: Jobs) -> Jobs:
    """A mix with two documents of each of two sources beside it."""
    mix = jobs.folder / "mix"
    shutil.copytree(jobs.mix, mix)
    rows = [
        {"document_id": f"{number}", "source": SOURCES[number % 2], "text": sentence(700 + number)}
        for number in range(4)
    ]
    pq.write_table(pa.Table.from_pylist(rows), mix / "held_out.parquet")
    return replace(jobs, mix=mix)


def test_the_losses_are_told_by_source_and_change_no_byte(held_out: Jobs) -> None:
    told = held_out.pretraining("told", held_out={"every": 5, "documents": 2})
    silent = held_out.pretraining("silent")
    for job in (told, silent):
        pretrain(job, Progress(Path(job.work)))
    assert Manifest.of(Path(told.output)).files == Manifest.of(Path(silent.output)).files
    lines = (Path(told.work) / PROGRESS).read_text().splitlines()
    reports = [one for one in map(json.loads, lines) if "stage" in one]
    names = [f"held_out_loss/{source}" for source in SOURCES]
    found = {one["done"]: one["values"] for one in reports if names[0] in one["values"]}
    assert set(found) == {5, 10, 15, 16}
    assert found[16][names[0]] < found[5][names[0]]
    model, tokenizer = (read(Path(told.output, "model")) for read in (read_model, read_tokenizer))
    rows = pq.read_table(Path(told.mix, "held_out.parquet")).to_pylist()
    documents = [HeldOutDocument(**row) for row in rows]
    losses = document_losses(model.eval(), tokenizer, "", documents, LENGTH, 1000).to_pylist()
    for source, name in zip(SOURCES, names, strict=True):
        own = [row for row in losses if row["source"] == source]
        expected = sum(row["nll"] for row in own) / sum(row["tokens"] for row in own)
        assert found[16][name] == pytest.approx(expected, rel=1e-5)
    lines = (Path(silent.work) / PROGRESS).read_text()
    assert "held_out" not in lines


def test_a_mix_has_the_first_of_each_source_that_were_set_aside_and_no_text_like_them(
    tmp_path: Path,
) -> None:
    ids = ["d", "c", "b", "a", "e"]
    rows = {
        "document_id": ids,
        "source": ["news", "news", "news", "stories", "stories"],
        "rule": ["held_out", "held_out", "held_out", "held_out", "short"],
        "cause": pa.array([None, None, "c", None, None], pa.string()),
    }
    pq.write_table(pa.table(rows), tmp_path / "dispositions.parquet")
    table = pa.table({"document_id": ids, "source": rows["source"], "text": ids, "line": [1] * 5})
    shards = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    for at, path in enumerate(shards):
        pq.write_table(table.slice(3 * at, 3), path)
    for limit, expected in ((1, ["c", "a"]), (9, ["c", "d", "a"])):
        path = tmp_path / "held_out.parquet"
        write_held_out(tmp_path / "dispositions.parquet", shards, limit, path)
        assert pq.read_table(path)["document_id"].to_pylist() == expected
