"""The path to one document as a tree."""

from collections.abc import Iterator, Mapping
from typing import Any

from alignment_dagster import chain
from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.audit.trace.document_path import (
    DocumentPath,
    LedgerRead,
    PackedDocument,
    path_as_json,
)
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.phrases import ID, format_place, format_scores, pluralize
from alignment_dagster.audit.trace.written_answer import writing_node
from alignment_dagster.report.names import metric_name
from alignment_dagster.training.step_log import SKIPPED

DUPLICATES = {"exact_duplicate": "the same text", "near_duplicate": "nearly the same text"}
MAX_SHOWN = 12
"""Steps, and pieces of a document, that are listed."""


def path_as_answer(path: DocumentPath) -> Answer:
    """From the metric down to the raw row, and to what wrote it."""
    study = path.chain.replicates[0].measurement.provenance.inputs.study
    name = metric_name(path.chain.row)
    return Answer(
        title=f"{name}  <-  {path.document_id}",
        sentences=list(_sentences(path)),
        blocks=[
            _root_node(path, name),
            *([writing_node(study, path.written)] if path.written else []),
            *(span_table(one) for one in path.packed),
        ],
        data=path_as_json(path, name),
    )


def _sentences(path: DocumentPath) -> Iterator[str]:
    taken = [one.seed for one in path.read for row in one.steps if not row.get(SKIPPED)]
    if path.is_trained_on:
        steps, seeds = (pluralize(*one) for one in ((len(taken), "step"), (len({*taken}), "seed")))
        yield f"Trained on: {steps} of {seeds} read it."
    else:
        left = any(one.steps for one in path.read) * ", but for those that the guard left out"
        yield f"No step of training behind this number read it{left}."
    for one in path.known[chain.DISPOSITIONS]:
        yield describe_decision(one)
    for one in path.known["classifiers"]:
        own = {"trained": ", from this document too", "held_out": ", and was measured on this one"}
        yield (
            f"{one['classifier']} scored it, which learnt from {', '.join(one['learnt_from'])}"
            f"{own.get(one['use'], '')}."
        )
    if path.tokenizer:
        yield "The vocabulary was trained on it."
    if path.losses:
        yield f"The number is measured on it: {pluralize(len(path.losses), 'loss')}."


def describe_decision(row: Mapping[str, Any]) -> str:
    """What was decided of a document for one use."""
    if row["state"] == "kept":
        return f"For {row['use']} it was kept, with weight {row['weight']:.4g}."
    value = "" if row["value"] is None else f" (value {row['value']:.4g})"
    cause = f", because of {row['cause']}" if row["cause"] else ""
    if row["rule"] in DUPLICATES:
        cause += f": {DUPLICATES[row['rule']]}, which may have been read instead"
    return f"For {row['use']} it was dropped by rule {row['rule']}{value}{cause}."


def _root_node(path: DocumentPath, name: str) -> Node:
    raw = path.known["raw"]
    leaf = Node(
        path.document_id[:ID],
        f"{raw['source']}; {format_place(raw)}" if raw else "its raw row is not in the lake",
        [
            *(Node(f"the same row again: {at}") for at in (raw or {}).get("repeated_at", ())),
            *(node for one in path.packed for node in insertion_nodes(one, path.document_id)),
            *(
                [Node(format_scores(path.known["scores"]), tone="dim")]
                if path.known["scores"]
                else []
            ),
        ],
    )
    return Node(name, "", [*_read_nodes(path), leaf], tone="strong")


def _read_nodes(path: DocumentPath) -> Iterator[Node]:
    for replicate in path.chain.replicates:
        read = [one for one in path.read if one.seed == replicate.seed]
        stages = [read_node(one) for one in read]
        yield Node(replicate.measurement.label, f"seed {replicate.seed}", stages)


def read_node(read: LedgerRead) -> Node:
    """A ledger, and the steps of it that read the document."""
    label = f"{read.ledger.stage}: {read.ledger.checkpoint.label}"
    if not read.steps:
        return Node(label, "did not read it", tone="dim")
    first, last = read.steps[0]["step"], read.steps[-1]["step"]
    shown = [Node(_describe_step(row)) for row in read.steps[:MAX_SHOWN]]
    more = len(read.steps) - len(shown)
    rest = [Node(f"and {pluralize(more, 'step')} more", tone="dim")] if more else []
    detail = f"{pluralize(len(read.steps), 'step')}: first {first:,}, last {last:,}"
    return Node(label, detail, [*shown, *rest])


def _describe_step(row: Row) -> str:
    if "sequences" in row:
        left = "; the guard left it out, nothing was learnt from it" if row[SKIPPED] else ""
        return (
            f"step {row['step']:,}: sequences {', '.join(f'{one:,}' for one in row['sequences'])}"
            f"{left}"
        )
    return f"step {row['step']:,}: {pluralize(row['times'], 'time')}"


def describe_packed(packed: PackedDocument) -> str:
    """How many of its tokens are packed, and what happens to them in training."""
    treated = (
        f"{one['tokens']:,} {one['treatment']}{' ' + one['tag'] if one['tag'] else ''} "
        f"by rule {one['rule']}"
        for one in packed.treated
    )
    return ", ".join([f"{packed.row['packed_tokens']:,} packed", *treated])


def insertion_nodes(packed: PackedDocument, document: str) -> Iterator[Node]:
    """In which document it stands, or which stand in it."""
    shown = packed.inserted[:MAX_SHOWN]
    for one in shown:
        place = f"before byte {one['offset']:,}, token {one['host_start']:,}, by rule {one['rule']}"
        if one["document_id"] == document:
            yield Node(f"stands in {one['host_id'][:ID]}", place)
        else:
            yield Node(f"{one['document_id'][:ID]} stands in it", place)
    if more := len(packed.inserted) - len(shown):
        yield Node(f"and {more:,} more", tone="dim")


def span_table(packed: PackedDocument) -> Table:
    """Where its tokens lie in the mix."""
    row = packed.row
    columns = ["sequence", "start", "end", "document_start", "copy"]
    return Table(
        f"{packed.mix.label}: {row['tokens']:,} tokens, {pluralize(row['copies'], 'copy')}, "
        f"{describe_packed(packed)}",
        columns,
        [[span[name] for name in columns] for span in packed.spans[:MAX_SHOWN]],
        max(0, len(packed.spans) - MAX_SHOWN),
    )
