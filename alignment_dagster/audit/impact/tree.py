"""The tree of an impact: what read the withdrawn documents, and what did not."""

from collections.abc import Sequence
from itertools import groupby

from alignment_dagster import chain
from alignment_dagster.audit.answer import Node
from alignment_dagster.audit.impact.blast_radius import CHECKPOINTS, Impact
from alignment_dagster.audit.impact.trained import TrainingUse
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.phrases import ID, format_place, pluralize
from alignment_dagster.foundation.page_links import audit_page
from alignment_dagster.lineage.lake import Artifact

MAX_SHOWN = 20
"""Documents and measurements that are listed; the JSON has all."""


def build_tree(impact: Impact) -> Node:
    """Raw rows, what read them, what went on from that, what rests on it, and what does not."""
    parts = (
        _raw_node, _mix_node, _training_node, _inheriting_node, _tokenizer_node,
        _loss_node, _report_node, _history_node, _untouched_node,
    )  # fmt: skip
    return Node("withdrawn", children=[part(impact) for part in parts], tone="strong")


def _raw_node(impact: Impact) -> Node:
    files = [
        Node(
            f"{row['source']}: {row['path']}",
            f"{pluralize(row['documents'], 'document')}, {pluralize(row['rows'], 'row')}",
        )
        for row in impact.raw.files
    ]
    documents = [_document_node(impact, row) for row in impact.raw.documents[:MAX_SHOWN]]
    decided = [
        Node(
            f"{row['recipe']}, {row['use']}: {row['state']}"
            + (f" by {row['rule']}" if row["rule"] else ""),
            pluralize(row["documents"], "document"),
        )
        for row in impact.raw.decided
    ]
    more = len(impact.raw.documents) - len(documents)
    rest = [Node(f"and {more:,} more", tone="dim")] if more else []
    return Node("raw rows", children=[*files, *documents, *rest, Node("decided", children=decided)])


def _document_node(impact: Impact, row: Row) -> Node:
    repeats = [Node(f"the same row again: {at}") for at in row["repeated_at"]]
    dropped = [
        Node(
            f"recipe {recipe}: dropped by rule {one['rule']}"
            + (f", because of {one['cause'][:ID]}" if one["cause"] else "")
            + "; nothing was trained on it"
        )
        for recipe, found in row["recipes"].items()
        for one in found
        if one["state"] == "dropped"
    ]
    original = impact.withdrawn.rewritten.get(row["document_id"])
    rewritten = f"; rewritten from {original[:ID]}" if original else ""
    return Node(row["document_id"], f"{format_place(row)}{rewritten}", [*repeats, *dropped])


def _mix_node(impact: Impact) -> Node:
    children = [
        _artifact_node(
            impact,
            one.mix,
            f"{pluralize(one.documents, 'document')}, {pluralize(one.copies, 'copy')}, "
            f"{pluralize(one.tokens, 'token')} ({format_share(one.share)}) in {one.sequences:,} of "
            f"{pluralize(one.of_sequences, 'sequence')}",
        )
        for one in impact.mixes
        if one.mix.label in impact.behind
    ]
    return Node("mixes", _count_artifacts(children), children)


def _training_node(impact: Impact) -> Node:
    behind = [one for one in impact.training if one.checkpoint.label in impact.behind]
    children = [
        Node(
            stage,
            children=[_artifact_node(impact, one.checkpoint, _describe_use(one)) for one in found],
        )
        for stage, found in groupby(sorted(behind, key=_order), key=lambda one: one.stage)
    ]
    return Node("checkpoints", _count_artifacts(behind), children)


def _order(one: TrainingUse) -> tuple[bool, str, str]:
    return one.tokens is None, one.stage, one.checkpoint.partition or ""


def _describe_use(one: TrainingUse) -> str:
    of = "of its tokens" if one.tokens is not None else "of the examples it read"
    tokens = f", {pluralize(one.tokens, 'token')}" if one.tokens is not None else ""
    return (
        f"first at step {one.first_step:,} of {one.of_steps:,}; "
        f"{pluralize(one.steps, 'step')}, {pluralize(one.documents, 'document')}{tokens} "
        f"({format_share(one.share)} {of})"
    )


def _tokenizer_node(impact: Impact) -> Node:
    found = [one for one in impact.tokenizers if one.tokenizer.label in impact.behind]
    children = [
        _artifact_node(
            impact,
            one.tokenizer,
            f"trained on {pluralize(one.documents, 'document')} of it: "
            "every recipe's checkpoint reads through it",
        )
        for one in found
    ]
    return Node("vocabulary", "" if children else "was not trained on it", children)


def _loss_node(impact: Impact) -> Node:
    found = [one for one in impact.losses if one.measurement.label in impact.behind]
    children = [
        _artifact_node(
            impact,
            one.measurement,
            f"{one.stage}: {pluralize(one.documents, 'document')} of {one.source}",
        )
        for one in found[:MAX_SHOWN]
    ]
    more = len(found) - len(children)
    rest = [Node(f"and {more:,} more", tone="dim")] if more > 0 else []
    return Node("held-out losses", _count_artifacts(found), [*children, *rest])


def _report_node(impact: Impact) -> Node:
    children = []
    for one in impact.reports:
        words = "this one" if one.label == impact.report.label else ""
        reviews = Node("reviews", children=impact.reviews[one.label])
        children.append(_artifact_node(impact, one, words, [reviews]))
    return Node("reports that rest on it", _count_artifacts(children), children)


def _history_node(impact: Impact) -> Node:
    """Older versions in the lake; they stay there until they are removed."""
    older = [
        (one, pluralize(count, "document"))
        for one, count in impact.corpora
        if one not in impact.corpus
    ]
    older += [
        (one.mix, pluralize(one.tokens, "token"))
        for one in impact.mixes
        if one.mix.label not in impact.behind
    ]
    older += [
        (one.checkpoint, f"{one.stage}: {_describe_use(one)}")
        for one in impact.training
        if one.checkpoint.label not in impact.behind
    ]
    children = [_artifact_node(impact, one, words) for one, words in older]
    return Node("other versions in the lake", _count_artifacts(children), children)


def _inheriting_node(impact: Impact) -> Node:
    children = [
        _artifact_node(impact, one, "") for one in impact.inheriting if one.label in impact.behind
    ]
    return Node("checkpoints that went on from these", _count_artifacts(children), children)


def _untouched_node(impact: Impact) -> Node:
    hit = {one.mix.label for one in impact.mixes} | {one.label for one in impact.inheriting}
    hit |= {one.checkpoint.label for one in impact.training}
    but = "but for the vocabulary" if impact.tokenizers else ""
    children = [
        _artifact_node(impact, one, but)
        for one in impact.ancestors
        if one.asset in (chain.CURATED_MIX, *CHECKPOINTS) and one.label not in hit
    ]
    return Node(
        "mixes and checkpoints not affected", _count_artifacts(children), children, tone="good"
    )


def _artifact_node(
    impact: Impact, artifact: Artifact, detail: str, children: Sequence[Node] = ()
) -> Node:
    link = audit_page(impact.study, artifact.asset, artifact.partition, artifact.version)
    return Node(artifact.label, detail, children, link=link)


def _count_artifacts(found: Sequence[object]) -> str:
    return f"{len(found):,}" if found else "none"


def format_share(value: float) -> str:
    """A share with as many digits as it needs."""
    return f"{value:.2%}" if value >= 0.0001 else f"{value:.2g}"
