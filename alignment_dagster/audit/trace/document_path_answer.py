"""The path to one document as a tree."""

from collections.abc import Iterator, Mapping
from typing import Any

from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.audit.metrics import metric_name
from alignment_dagster.audit.trace.document_path import DocumentPath, Packed, Read, path_data
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.phrases import ID, place, plural, scores_text

DUPLICATE = "exact_duplicate"
SHOWN = 12
"""Steps, and pieces of a document, that are listed."""


def path_answer(path: DocumentPath) -> Answer:
    """From the metric down to the raw row."""
    name = metric_name(path.chain.row)
    return Answer(
        title=f"{name}  <-  {path.document_id}",
        sentences=list(_sentences(path)),
        blocks=[_tree(path, name), *(_spans(one) for one in path.packed)],
        data=path_data(path, name),
    )


def _sentences(path: DocumentPath) -> Iterator[str]:
    times = sum(len(one.steps) for one in path.read)
    if path.trained_on:
        seeds = {one.seed for one in path.read if one.steps}
        yield f"Trained on: {plural(times, 'step')} of {plural(len(seeds), 'seed')} read it."
    else:
        yield "No step of training behind this number read it."
    for one in path.known["dispositions"]:
        yield _decided(one)
    if path.tokenizer:
        yield "The vocabulary was trained on it."
    if path.losses:
        yield f"The number is measured on it: {plural(len(path.losses), 'loss')}."


def _decided(row: Mapping[str, Any]) -> str:
    if row["state"] == "kept":
        return f"For {row['use']} it was kept, with weight {row['weight']:.4g}."
    value = "" if row["value"] is None else f" (value {row['value']:.4g})"
    cause = f", because of {row['cause']}" if row["cause"] else ""
    if row["rule"] == DUPLICATE:
        cause += ": the same text, which may have been read instead"
    return f"For {row['use']} it was dropped by rule {row['rule']}{value}{cause}."


def _tree(path: DocumentPath, name: str) -> Node:
    raw = path.known["raw"]
    leaf = Node(
        path.document_id[:ID],
        f"{raw['source']}; {place(raw)}" if raw else "its raw row is not in the lake",
        [
            *(Node(f"the same row again: {at}") for at in (raw or {}).get("repeated_at", ())),
            *(
                [Node(scores_text(path.known["scores"]), tone="dim")]
                if path.known["scores"]
                else []
            ),
        ],
    )
    return Node(name, "", [*_reads(path), leaf], tone="strong")


def _reads(path: DocumentPath) -> Iterator[Node]:
    for replicate in path.chain.replicates:
        read = [one for one in path.read if one.seed == replicate.seed]
        stages = [_read(one) for one in read]
        yield Node(replicate.measured.label, f"seed {replicate.seed}", stages)


def _read(read: Read) -> Node:
    label = f"{read.ledger.stage}: {read.ledger.checkpoint.label}"
    if not read.steps:
        return Node(label, "did not read it", tone="dim")
    first, last = read.steps[0]["step"], read.steps[-1]["step"]
    shown = [Node(_step(row)) for row in read.steps[:SHOWN]]
    more = len(read.steps) - len(shown)
    rest = [Node(f"and {plural(more, 'step')} more", tone="dim")] if more else []
    detail = f"{plural(len(read.steps), 'step')}: first {first:,}, last {last:,}"
    return Node(label, detail, [*shown, *rest])


def _step(row: Row) -> str:
    if "sequences" in row:
        return (
            f"step {row['step']:,}: sequences {', '.join(f'{one:,}' for one in row['sequences'])}"
        )
    return f"step {row['step']:,}: {plural(row['times'], 'time')}"


def _spans(packed: Packed) -> Table:
    """Where its tokens lie in the mix."""
    row = packed.row
    columns = ["sequence", "start", "end", "document_start", "copy"]
    return Table(
        f"{packed.mix.label}: {row['tokens']:,} tokens, {plural(row['copies'], 'copy')}, "
        f"{row['packed_tokens']:,} packed",
        columns,
        [[span[name] for name in columns] for span in packed.spans[:SHOWN]],
        max(0, len(packed.spans) - SHOWN),
    )
