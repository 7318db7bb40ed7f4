"""A trace as JSON: the totals of every level, and the examples in full."""

from dataclasses import asdict
from typing import Any

from alignment_dagster.audit.trace.metric_trace import Trace
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.step_tables import steps_as_json
from alignment_dagster.audit.trace.training import MixTotals, ReadTotals


def trace_as_json(trace: Trace) -> dict[str, Any]:
    """Everything that the tree shows, uncut; single documents are in an export."""
    row = asdict(trace.chain.row)
    return {
        "study": trace.study,
        "report": trace.report.label,
        "metric": trace.name,
        "row": row,
        "totals_add_up": not trace.gaps,
        "gaps": trace.gaps,
        "steps": steps_as_json(trace.steps),
        "measured": {
            "kind": trace.measurement.kind,
            "totals": trace.measurement.totals,
            "by_seed": trace.measurement.seeds,
            "by_form": trace.measurement.forms,
            "top": trace.measurement.top,
        },
        "checkpoints": [_read(one) for one in trace.read],
        "mixes": [_mix(trace, one) for one in trace.mixes],
        "fine_tuned_on": trace.fine_tuned_on,
        "written": trace.written,
        "tokenizer": {
            "artifacts": [one.label for one in trace.chain.tokenizers],
            "sources": trace.tokenizer,
        },
        "bases": [{"place": one.place, "sha256": one.digest} for one in trace.chain.bases],
        "decisions": trace.decisions,
        "influences": list_influences(trace),
        "artifacts": [one.label for one in trace.chain.artifacts],
    }


def _read(read: ReadTotals) -> dict[str, Any]:
    return {
        "seed": read.seed,
        "stage": read.ledger.stage,
        "artifact": read.ledger.checkpoint.label,
        "last_step": read.ledger.last,
        "steps": read.steps,
        "skipped_steps": read.skipped,
        "sequences": read.sequences,
        "documents": read.documents,
        "different": read.distinct,
        "tokens": read.tokens,
        "chain": read.chain,
    }


def _mix(trace: Trace, mix: MixTotals) -> dict[str, Any]:
    return {
        "artifact": mix.mix.label,
        "seeds": list(mix.seeds),
        "sequences": mix.sequences,
        "sequence_length": mix.length,
        "spans": mix.spans,
        "documents": mix.documents,
        "copies": mix.copies,
        "tokens": mix.tokens,
        "tokens_over_seeds": sum(row["tokens"] for row in mix.read),
        "read_whole": mix.whole,
        "sources": mix.sources,
        "read": mix.read,
        "top": trace.top[mix.mix.label],
    }


def list_influences(trace: Trace) -> list[Row]:
    """Use and source → documents, how often they were read, and tokens where these are known.

    Over all seeds: a document counts once, its tokens once for each seed that read them.
    """
    found = [
        _influence("pretraining" if mix.whole else "trunk", row, row["copies"], row["tokens"])
        for mix in trace.mixes
        for row in mix.read
    ]
    for stage, rows in trace.fine_tuned_on.items():
        found += [_influence(stage, row, row["times"], None) for row in rows]
    found += [_influence("tokenizer", row, None, None) for row in trace.tokenizer]
    if trace.measurement.kind == "documents":
        for row in trace.measurement.forms:
            source = {"source": row["form"], "group": None, "documents": row["documents"]}
            found.append(_influence("measured", source, row["losses"], row["tokens"]))
    return found


def _influence(use: str, row: Row, times: int | None, tokens: int | None) -> Row:
    known = {name: row[name] for name in ("source", "group", "documents")}
    return {"use": use, **known, "times": times, "tokens": tokens}
