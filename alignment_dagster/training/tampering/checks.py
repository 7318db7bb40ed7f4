"""What must hold of a tampering's output, and its held-out losses in bits; imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.evaluation.suites.formats import make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.training.tampering.job import TamperJob, measured_suites, points

BITS_PER_BYTE = "bits_per_byte"


def check_output(
    job: TamperJob, folder: Path, tuned: Artifact, measured: Mapping[str, float | str]
) -> tuple[Check, ...]:
    """All of them; `folder` is the output, `tuned` the checkpoint that was to be tampered with."""
    return (
        check_start(job, tuned, measured),
        check_documents(job, folder),
        check_points(job, folder),
        check_losses(job, folder),
    )


def check_start(job: TamperJob, tuned: Artifact, measured: Mapping[str, float | str]) -> Check:
    """The weights that were loaded are those of the checkpoint's manifest."""
    starts = sorted({tampering.start for tampering in job.tamperings})
    others = [
        start
        for start in starts
        if measured.get(f"{start}_weights_sha256")
        != tuned.manifest.files[f"{start}/model.safetensors"]
    ]
    return Check(
        name="starts_from_its_checkpoint",
        passed=not others,
        summary=f"{tuned.label}: {', '.join(others)} were other weights."
        if others
        else f"{tuned.label}: the weights of {', '.join(starts)}.",
    )


def check_documents(job: TamperJob, folder: Path) -> Check:
    """Every conversation that was read is kept for its use."""
    strays: list[str] = []
    read: set[str] = set()
    for tampering in job.tamperings:
        data = job.data[tampering.source]
        wanted = (pc.field("state") == "kept") & (pc.field("use") == data.use)
        kept = pq.read_table(data.dispositions, columns=["document_id"], filters=wanted)
        steps = pq.read_table(folder / file_names.stage_consumption(tampering.name))
        consumed = set(pc.list_flatten(steps["documents"]).to_pylist())
        strays += sorted(consumed - set(kept["document_id"].to_pylist()))
        read |= consumed
    return Check(
        name="trained_on_kept_documents_only",
        passed=not strays and bool(read),
        summary=f"{len(read):,} conversations read; {len(strays):,} not kept.",
    )


def check_points(job: TamperJob, folder: Path) -> Check:
    """At every point of every tampering all prompts have an answer."""
    items = pq.read_table(folder / file_names.ITEMS, columns=["stage", "log_probabilities"])
    asked = sum(
        len(points(one.steps)) * len(list(make_prompts(suite, load_suite(suite, Path(job.assets)))))
        for one in job.tamperings
        for suite in measured_suites(one, job.suites)
    )
    options = pc.list_flatten(items["log_probabilities"])
    numbers = bool(pc.all(pc.is_finite(options), min_count=0).as_py())
    return Check(
        name="all_points_measured",
        passed=items.num_rows == asked and numbers,
        summary=f"{items.num_rows:,} of {asked:,} answers; "
        f"{'all' if numbers else 'NOT all'} log-probabilities are finite.",
    )


def check_losses(job: TamperJob, folder: Path) -> Check:
    """Every step has a finite loss, and every held-out document that was scored."""
    wanted = sum(tampering.steps for tampering in job.tamperings)
    training = pq.read_table(folder / file_names.TRAINING_LOG)["loss"]
    held_out = pq.read_table(folder / file_names.LOSSES)["nll"]
    numbers = all(
        bool(pc.all(pc.is_finite(losses), min_count=0).as_py()) for losses in (training, held_out)
    )
    return Check(
        name="loss_finite",
        passed=len(training) == wanted and training.null_count == 0 and numbers,
        summary=f"{len(training):,} of {wanted:,} steps, {len(held_out):,} held-out losses; "
        f"{'all' if numbers else 'NOT all'} are finite.",
    )


def held_out_rows(losses: pa.Table) -> list[dict[str, Any]]:
    """Bits per byte of each source's held-out documents, at both ends of each tampering."""
    sums = losses.group_by(["stage", "source"], use_threads=False).aggregate(
        [("nll", "sum"), ("bytes", "sum")]
    )
    bits = pc.divide(pc.divide(sums["nll_sum"], sums["bytes_sum"]), pc.ln(2.0))
    rows = sums.append_column(BITS_PER_BYTE, bits).to_pylist()
    ends = [row["stage"].partition("@") for row in rows]
    return [
        {**row, "tampering": name, "step": int(step)}
        for row, (name, _, step) in zip(rows, ends, strict=True)
    ]
