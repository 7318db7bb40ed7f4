"""A trace as a tree: every level with its totals, and the documents that weigh most."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from alignment_dagster import chain
from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.audit.run_nodes import run_nodes
from alignment_dagster.audit.trace.as_json import trace_as_json
from alignment_dagster.audit.trace.metric_trace import Trace
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.phrases import (
    ID,
    format_place,
    format_scores,
    format_totals,
    pluralize,
)
from alignment_dagster.audit.trace.step_tables import step_tables, write_rule
from alignment_dagster.audit.trace.tables import decision_table, influence_table
from alignment_dagster.audit.trace.training import MixTotals, ReadTotals
from alignment_dagster.audit.trace.written_answer import written_node
from alignment_dagster.foundation.page_links import audit_answers, audit_page
from alignment_dagster.lineage.base import UNKNOWN_READING, RecordedBase
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.names import metric_name


def trace_as_answer(trace: Trace) -> Answer:
    """The tree from the number to the raw rows, then the tables that it sums up."""
    row = trace.chain.row
    return Answer(
        title=f"{trace.name} = {row.value:.4g} [{row.ci_low:.4g} {row.ci_high:.4g}]",
        sentences=list(_sentences(trace)),
        blocks=[
            *step_tables(trace.steps, _unit(trace)),
            _root_node(trace),
            influence_table(trace),
            decision_table(trace),
            _further_commands(trace),
        ],
        data=trace_as_json(trace),
        warnings=trace.gaps,
    )


def _sentences(trace: Trace) -> Iterator[str]:
    row, read = trace.chain.row, trace.read
    steps = sum(one.steps for one in read)
    yield (
        f"{trace.report.label}; {pluralize(row.n, _unit(trace))} and "
        f"{pluralize(row.seeds, 'seed')}: {pluralize(len(trace.chain.replicates), 'checkpoint')}, "
        f"{pluralize(steps, 'optimizer step')}, "
        f"{pluralize(sum(one.tokens for one in read), 'token')}."
    )
    yield write_rule(trace.steps, _unit(trace))
    if not trace.gaps:
        own = "" if all(mix.whole for mix in trace.mixes) else " of its own mix"
        yield (
            "The totals add up: documents are packed as exactly the tokens of the sequences, and "
            f"each seed read every sequence{own} exactly once."
        )


def _unit(trace: Trace) -> str:
    return "held-out document" if trace.steps.is_loss else "scenario"


def _root_node(trace: Trace) -> Node:
    children = []
    for replicate in trace.chain.replicates:
        stages = [_read_node(trace, one) for one in trace.read if one.seed == replicate.seed]
        last = replicate.ledgers[-1].checkpoint
        children.append(_artifact_node(trace, last, f"seed {replicate.seed}", stages))
    return Node(
        trace.name,
        children=[
            _measurement_node(trace),
            Node("checkpoints", pluralize(len(children), "seed"), children),
            *(_mix_node(trace, mix) for mix in trace.mixes),
            *(_fine_tuning_node(trace, stage) for stage in trace.fine_tuned_on),
            *([written_node(trace.written)] if trace.written else []),
            _tokenizer_node(trace),
            *(_base_node(base) for base in trace.chain.bases),
        ],
        tone="strong",
    )


def _measurement_node(trace: Trace) -> Node:
    found = trace.measurement
    if found.kind == "documents":
        words = [(one["share"], f"{one['nats']:.1f} nats", one) for one in found.top]
        shown = [
            Node(one["document_id"][:ID], f"{one['source']}; {nats}, {share:.1%} of all")
            for share, nats, one in words
        ]
    else:
        shown = [_item_node(one) for one in found.top]
    replicates = {one.seed: one.measurement for one in trace.chain.replicates}
    seeds = [
        _artifact_node(
            trace,
            replicates[one["seed"]],
            f"seed {one['seed']}: {format_totals(one)}",
            run_nodes(replicates[one["seed"]]),
        )
        for one in found.seeds
    ]
    heaviest = Node("what weighs most", _count_more(found.left_out), shown)
    link = _answers_address(trace) if found.kind == "answers" else None
    return Node("measured on", format_totals(found.totals), [*seeds, heaviest], link=link)


def _answers_address(trace: Trace) -> str:
    row = trace.chain.row
    filters = {"suite": row.suite, "stage": row.stage, "recipe": row.recipe, "prompt": row.prompt}
    if trace.chain.part:
        filters[trace.chain.part.column] = trace.chain.part.value
    filters |= {} if row.seed is None else {"seed": str(row.seed)}
    return audit_answers(trace.study, trace.report.version, filters)


def _item_node(item: Mapping[str, Any]) -> Node:
    at = f"{item['path']}:{item['line']}" if item["path"] else "its text is not in the report"
    return Node(
        f"{item['item_id'][:ID]}  {item['hits']:.10g}/{item['answers']} hits",
        f"{item['topic']}; {at}",
        [Node(item["question"], tone="dim")] if item["question"] else [],
    )


def _read_node(trace: Trace, read: ReadTotals) -> Node:
    what = (
        f"{pluralize(read.sequences, 'sequence')} ({read.distinct:,} different)"
        if read.sequences
        else f"{pluralize(read.documents, 'example')} ({read.distinct:,} different documents)"
    )
    upto = f" up to step {read.ledger.last}" if read.ledger.last else ""
    left = f"; the guard left {read.skipped:,} of the steps out" if read.skipped else ""
    text = f"{read.ledger.stage}{upto}: {pluralize(read.steps, 'step')}, {what}"
    return _artifact_node(
        trace, read.ledger.checkpoint, f"{text}, {pluralize(read.tokens, 'token')}{left}"
    )


def _mix_node(trace: Trace, mix: MixTotals) -> Node:
    seeds = ", ".join(str(seed) for seed in mix.seeds)
    totals = (
        f"{mix.sequences:,} sequences x {mix.length:,} tokens = {mix.tokens:,} tokens of "
        f"{pluralize(mix.documents, 'document')} ({pluralize(mix.copies, 'copy')}); "
        f"read by {pluralize(len(mix.seeds), 'seed')} ({seeds})"
    )
    if not mix.whole:
        read = pluralize(sum(row["tokens"] for row in mix.read), "token")
        totals += f", up to where the trunk was left: {read} in all"
    sources = [
        Node(
            f"{row['source']} ({row['group']})",
            (
                f"{pluralize(row['documents'], 'document')}, {pluralize(row['copies'], 'copy')}, "
                f"{pluralize(row['tokens'], 'token')} ({row['tokens'] / mix.tokens:.1%})"
            ),
        )
        for row in mix.sources
    ]
    top = trace.top[mix.mix.label]
    documents = [_document_node(row) for row in top]
    examples = Node(
        "documents with the most tokens", _count_more(mix.documents - len(top)), documents
    )
    return _artifact_node(trace, mix.mix, totals, [*sources, examples])


def _document_node(row: Row) -> Node:
    weight = next(
        (one["weight"] for one in row[chain.DISPOSITIONS] if one["state"] == "kept"), None
    )
    kept = "no decision is recorded" if weight is None else f"kept, weight {weight:.4g}"
    return Node(
        f"{row['document_id'][:ID]}  {format_place(row['raw'])}",
        f"{row['source']} ({row['group']}): {row['tokens']:,} tokens, "
        f"{pluralize(row['copies'], 'copy')}, {row['packed_tokens']:,} packed in "
        f"{pluralize(row['sequences'], 'sequence')}; {kept}",
        [Node(format_scores(row["scores"]), tone="dim")] if row["scores"] else [],
    )


def _fine_tuning_node(trace: Trace, stage: str) -> Node:
    found = trace.fine_tuned_on[stage]
    children = [
        Node(
            f"{row['source']} ({row['group']})",
            f"{pluralize(row['documents'], 'document')}, read {row['times']:,} times by all seeds",
        )
        for row in found
    ]
    return Node(
        f"{stage} documents", pluralize(_sum_column(found, "documents"), "document"), children
    )


def _base_node(base: RecordedBase) -> Node:
    """The first link: nothing in the lake stands before it."""
    return Node(f"went on from: {base.place}", f"SHA-256 {base.digest}; {UNKNOWN_READING}")


def _tokenizer_node(trace: Trace) -> Node:
    rows = [
        Node(f"{row['source']} ({row['group']})", pluralize(row["documents"], "document"))
        for row in trace.tokenizer
    ]
    total = pluralize(_sum_column(trace.tokenizer, "documents"), "document")
    names = ", ".join(one.label for one in trace.chain.tokenizers)
    copied = ", ".join(base.place for base in trace.chain.bases)
    origin = f"that of {copied}" if copied else f"trained on {total}"
    return Node(f"vocabulary: {names}", origin, rows)


def _further_commands(trace: Trace) -> Node:
    command = f"alignment audit trace {trace.study} {metric_name(trace.chain.row)}"
    return Node(
        "more",
        children=[
            Node(
                f"{command} --document ID",
                "the path to one document",
            ),
            Node(
                f"{command} --export FOLDER",
                "all of them, as Parquet",
            ),
        ],
        tone="dim",
    )


def _artifact_node(
    trace: Trace, artifact: Artifact, detail: str, children: Sequence[Node] = ()
) -> Node:
    link = audit_page(trace.study, artifact.asset, artifact.partition, artifact.version)
    return Node(artifact.label, detail, children, link=link)


def _count_more(count: int) -> str:
    return f"{count:,} more" if count else ""


def _sum_column(rows: Iterable[Row], column: str) -> int:
    return sum(row[column] for row in rows)
