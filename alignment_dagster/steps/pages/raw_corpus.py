"""What Dagster's pages show of `raw_corpus`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.corpus.canaries import planted_documents
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import read_tables, shard_files
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study
from alignment_dagster.study.synthesis import WrittenColumn


def page_metadata(study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """Counts, how long documents are, and the first of them as a table."""
    source = study.source(artifact.partition or "")
    columns = ["path", "line", "characters", "text"]
    shards = shard_files(artifact, file_names.RAW_DOCUMENTS)
    planted = {
        f"planted_{one.name}": len(planted_documents(one, study.assets))
        for one in study.canaries_in(source.name)
    }
    first = next(pq.ParquetFile(shards[0]).iter_batches(5, columns=columns), None)
    head = [] if first is None else first.to_pylist()
    characters = read_tables(shards, ["characters"])["characters"]
    lengths = charts.histogram(characters.to_numpy(), "characters")
    repeats, quarantine = (
        read_tables(shard_files(artifact, table))
        for table in (file_names.REPEATS, file_names.QUARANTINE)
    )
    rows = len(characters) + repeats.num_rows + quarantine.num_rows
    reasons = pc.value_counts(quarantine["reason"]).to_pylist()
    counted = [{"reason": one["values"], "rows": one["counts"]} for one in reasons]
    counted.sort(key=lambda one: (-one["rows"], one["reason"]))
    return {
        "plot": drawing(lengths, "characters in a document"),
        "dagster/row_count": len(characters),
        "raw_rows": rows,
        "characters": pc.sum(characters).as_py() or 0,
        "shards": len(shards),
        **planted,
        "quarantined_rows": quarantine.num_rows,
        "quarantine": dg.MetadataValue.md(table(counted[:20], ["reason", "rows"])),
        **_written(artifact),
        "licence": source.licence,
        "first_documents": dg.MetadataValue.md(table(head, columns)),
    }


def _written(artifact: Artifact) -> Mapping[str, Any]:
    """Of a source that was written: by how many prompts, in which forms, for how many tokens."""
    if not any(name.startswith(f"{file_names.PROMPTS}/") for name in artifact.manifest.files):
        return {}
    prompts = read_tables(shard_files(artifact, file_names.PROMPTS), ["prompt"])
    metadata = read_tables(shard_files(artifact, file_names.METADATA))
    forms = metadata.filter(pc.equal(metadata["column"], WrittenColumn.FORM))["text"]
    counted = [
        {"form": one["values"], "documents": one["counts"]}
        for one in pc.value_counts(forms).to_pylist()
    ]
    counted.sort(key=lambda one: (-one["documents"], one["form"]))
    used = (WrittenColumn.PROMPT_TOKENS, WrittenColumn.COMPLETION_TOKENS)
    tokens = metadata.filter(pc.is_in(metadata["column"], pa.array(used)))["number"]
    return {
        "prompts": pc.count_distinct(prompts["prompt"]).as_py(),
        "forms": dg.MetadataValue.md(table(counted, ["form", "documents"])),
        "tokens_of_answers_and_prompts": int(pc.sum(tokens).as_py() or 0),
    }
