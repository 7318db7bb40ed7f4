"""A trace as a tree: every level with its totals, and the documents that weigh most."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.audit.trace.as_json import trace_data
from alignment_dagster.audit.trace.metric_trace import Trace
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.phrases import ID, counted, place, plural, scores_text
from alignment_dagster.audit.trace.tables import decision_table, influence_table
from alignment_dagster.audit.trace.training import MixTotals, ReadTotals
from alignment_dagster.foundation.page_links import audit_page
from alignment_dagster.lineage.lake import Artifact


def as_answer(trace: Trace) -> Answer:
    """The tree from the number to the raw rows, then the tables that it sums up."""
    row = trace.chain.row
    return Answer(
        title=f"{trace.name} = {row.value:.4g} [{row.ci_low:.4g} {row.ci_high:.4g}]",
        sentences=list(_sentences(trace)),
        blocks=[_tree(trace), influence_table(trace), decision_table(trace), _seen_by(trace)],
        data=trace_data(trace),
        warnings=trace.gaps,
    )


def _sentences(trace: Trace) -> Iterator[str]:
    row, read = trace.chain.row, trace.read
    steps = sum(one.steps for one in read)
    yield (
        f"{trace.report.label}; {plural(row.n, _unit(trace))} and "
        f"{plural(row.seeds, 'seed')}: {plural(len(trace.chain.replicates), 'checkpoint')}, "
        f"{plural(steps, 'optimizer step')}, {plural(sum(one.tokens for one in read), 'token')}."
    )
    if not trace.gaps:
        yield (
            "The totals add up: documents are packed as exactly the tokens of the sequences, and "
            "each seed read every sequence exactly once."
        )


def _unit(trace: Trace) -> str:
    return "held-out document" if trace.measured.kind == "documents" else "scenario"


def _tree(trace: Trace) -> Node:
    children = []
    for replicate in trace.chain.replicates:
        stages = [_read(trace, one) for one in trace.read if one.seed == replicate.seed]
        last = replicate.ledgers[-1].checkpoint
        children.append(_artifact(trace, last, f"seed {replicate.seed}", stages))
    return Node(
        trace.name,
        children=[
            _measured(trace),
            Node("checkpoints", plural(len(children), "seed"), children),
            *(_mix(trace, mix) for mix in trace.mixes),
            *(_fine_tuned(trace, stage) for stage in trace.fine_tuned_on),
            _vocabulary(trace),
        ],
        tone="strong",
    )


def _measured(trace: Trace) -> Node:
    found = trace.measured
    if found.kind == "documents":
        words = [(one["share"], f"{one['nats']:.1f} nats", one) for one in found.top]
        shown = [
            Node(one["document_id"][:ID], f"{one['source']}; {nats}, {share:.1%} of all")
            for share, nats, one in words
        ]
    else:
        shown = [_item(one) for one in found.top]
    replicates = {one.seed: one.measured for one in trace.chain.replicates}
    seeds = [
        _artifact(trace, replicates[one["seed"]], f"seed {one['seed']}: {counted(one)}")
        for one in found.seeds
    ]
    heaviest = Node("what weighs most", _more(found.left_out), shown)
    return Node("measured on", counted(found.totals), [*seeds, heaviest])


def _item(item: Mapping[str, Any]) -> Node:
    at = f"{item['path']}:{item['line']}" if item["path"] else "its text is not in the report"
    return Node(
        f"{item['item_id'][:ID]}  {item['hits']}/{item['answers']} hits",
        f"{item['topic']}; {at}",
        [Node(item["question"], tone="dim")] if item["question"] else [],
    )


def _read(trace: Trace, read: ReadTotals) -> Node:
    what = (
        f"{plural(read.sequences, 'sequence')} ({read.distinct:,} different)"
        if read.sequences
        else f"{plural(read.documents, 'example')} ({read.distinct:,} different documents)"
    )
    upto = f" up to step {read.ledger.last}" if read.ledger.last else ""
    text = f"{read.ledger.stage}{upto}: {plural(read.steps, 'step')}, {what}"
    return _artifact(trace, read.ledger.checkpoint, f"{text}, {plural(read.tokens, 'token')}")


def _mix(trace: Trace, mix: MixTotals) -> Node:
    seeds = ", ".join(str(seed) for seed in mix.seeds)
    totals = (
        f"{mix.sequences:,} sequences x {mix.length:,} tokens = {mix.tokens:,} tokens of "
        f"{plural(mix.documents, 'document')} ({plural(mix.copies, 'copy')}); "
        f"read by {plural(len(mix.seeds), 'seed')} ({seeds})"
    )
    sources = [
        Node(
            f"{row['source']} ({row['group']})",
            (
                f"{plural(row['documents'], 'document')}, {plural(row['copies'], 'copy')}, "
                f"{plural(row['tokens'], 'token')} ({row['tokens'] / mix.tokens:.1%})"
            ),
        )
        for row in mix.sources
    ]
    top = trace.top[mix.mix.label]
    documents = [_document(row) for row in top]
    examples = Node("documents with the most tokens", _more(mix.documents - len(top)), documents)
    return _artifact(trace, mix.mix, totals, [*sources, examples])


def _document(row: Row) -> Node:
    weight = next((one["weight"] for one in row["dispositions"] if one["state"] == "kept"), None)
    kept = "no decision is recorded" if weight is None else f"kept, weight {weight:.4g}"
    return Node(
        f"{row['document_id'][:ID]}  {place(row['raw'])}",
        f"{row['source']} ({row['group']}): {row['tokens']:,} tokens, "
        f"{plural(row['copies'], 'copy')}, {row['packed_tokens']:,} packed in "
        f"{plural(row['sequences'], 'sequence')}; {kept}",
        [Node(scores_text(row["scores"]), tone="dim")] if row["scores"] else [],
    )


def _fine_tuned(trace: Trace, stage: str) -> Node:
    found = trace.fine_tuned_on[stage]
    children = [
        Node(
            f"{row['source']} ({row['group']})",
            f"{plural(row['documents'], 'document')}, read {row['times']:,} times by all seeds",
        )
        for row in found
    ]
    return Node(f"{stage} documents", plural(_sum(found, "documents"), "document"), children)


def _vocabulary(trace: Trace) -> Node:
    rows = [
        Node(f"{row['source']} ({row['group']})", plural(row["documents"], "document"))
        for row in trace.tokenizer
    ]
    total = plural(_sum(trace.tokenizer, "documents"), "document")
    names = ", ".join(one.label for one in trace.chain.tokenizers)
    return Node(f"vocabulary: {names}", f"trained on {total}", rows)


def _seen_by(trace: Trace) -> Node:
    return Node(
        "more",
        children=[
            Node(
                f"alignment audit trace {trace.study} {trace.name} --document ID",
                "the path to one document",
            ),
            Node(
                f"alignment audit trace {trace.study} {trace.name} --export FOLDER",
                "all of them, as Parquet",
            ),
        ],
        tone="dim",
    )


def _artifact(trace: Trace, artifact: Artifact, detail: str, children: Sequence[Node] = ()) -> Node:
    link = audit_page(trace.study, artifact.asset, artifact.partition, artifact.version)
    return Node(artifact.label, detail, children, link=link)


def _more(count: int) -> str:
    return f"{count:,} more" if count else ""


def _sum(rows: Iterable[Row], column: str) -> int:
    return sum(row[column] for row in rows)
