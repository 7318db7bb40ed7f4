"""The tree of an impact: what read the withdrawn documents, and what did not."""

from collections.abc import Sequence
from itertools import groupby

from alignment_dagster.audit.answer import Node
from alignment_dagster.audit.impact.blast_radius import CHECKPOINTS, Impact
from alignment_dagster.audit.impact.trained import InTraining
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.phrases import ID, place, plural
from alignment_dagster.foundation.page_links import audit_page
from alignment_dagster.lineage.lake import Artifact

SHOWN = 20
"""Documents and measurements that are listed; the JSON has all."""


def tree(impact: Impact) -> Node:
    """Raw rows, what read them, what went on from that, what rests on it, and what does not."""
    parts = (
        _rows, _mixes, _training, _inheriting, _tokenizers, _losses, _reports, _history, _untouched,
    )  # fmt: skip
    return Node("withdrawn", children=[part(impact) for part in parts], tone="strong")


def _rows(impact: Impact) -> Node:
    files = [
        Node(
            f"{row['source']}: {row['path']}",
            f"{plural(row['documents'], 'document')}, {plural(row['rows'], 'row')}",
        )
        for row in impact.raw.files
    ]
    documents = [_document(row) for row in impact.raw.documents[:SHOWN]]
    decided = [
        Node(
            f"{row['recipe']}, {row['use']}: {row['state']}"
            + (f" by {row['rule']}" if row["rule"] else ""),
            plural(row["documents"], "document"),
        )
        for row in impact.raw.decided
    ]
    more = len(impact.raw.documents) - len(documents)
    rest = [Node(f"and {more:,} more", tone="dim")] if more else []
    return Node("raw rows", children=[*files, *documents, *rest, Node("decided", children=decided)])


def _document(row: Row) -> Node:
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
    return Node(row["document_id"], place(row), [*repeats, *dropped])


def _mixes(impact: Impact) -> Node:
    children = [
        _artifact(
            impact,
            one.mix,
            f"{plural(one.documents, 'document')}, {plural(one.copies, 'copy')}, "
            f"{plural(one.tokens, 'token')} ({share(one.share)}) in {one.sequences:,} of "
            f"{plural(one.of_sequences, 'sequence')}",
        )
        for one in impact.mixes
        if one.mix.label in impact.behind
    ]
    return Node("mixes", _count(children), children)


def _training(impact: Impact) -> Node:
    behind = [one for one in impact.training if one.checkpoint.label in impact.behind]
    children = [
        Node(stage, children=[_artifact(impact, one.checkpoint, _read(one)) for one in found])
        for stage, found in groupby(sorted(behind, key=_order), key=lambda one: one.stage)
    ]
    return Node("checkpoints", _count(behind), children)


def _order(one: InTraining) -> tuple[bool, str, str]:
    return one.tokens is None, one.stage, one.checkpoint.partition or ""


def _read(one: InTraining) -> str:
    of = "of its tokens" if one.tokens is not None else "of the examples it read"
    tokens = f", {plural(one.tokens, 'token')}" if one.tokens is not None else ""
    return (
        f"first at step {one.first_step:,} of {one.of_steps:,}; "
        f"{plural(one.steps, 'step')}, {plural(one.documents, 'document')}{tokens} "
        f"({share(one.share)} {of})"
    )


def _tokenizers(impact: Impact) -> Node:
    found = [one for one in impact.tokenizers if one.tokenizer.label in impact.behind]
    children = [
        _artifact(
            impact,
            one.tokenizer,
            f"trained on {plural(one.documents, 'document')} of it: "
            "every recipe's checkpoint reads through it",
        )
        for one in found
    ]
    return Node("vocabulary", "" if children else "was not trained on it", children)


def _losses(impact: Impact) -> Node:
    found = [one for one in impact.losses if one.measured.label in impact.behind]
    children = [
        _artifact(
            impact,
            one.measured,
            f"{one.stage}: {plural(one.documents, 'document')} of {one.source}",
        )
        for one in found[:SHOWN]
    ]
    more = len(found) - len(children)
    rest = [Node(f"and {more:,} more", tone="dim")] if more > 0 else []
    return Node("held-out losses", _count(found), [*children, *rest])


def _reports(impact: Impact) -> Node:
    children = []
    for one in impact.reports:
        words = "this one" if one.label == impact.report.label else ""
        reviews = Node("reviews", children=impact.reviews[one.label])
        children.append(_artifact(impact, one, words, [reviews]))
    return Node("reports that rest on it", _count(children), children)


def _history(impact: Impact) -> Node:
    """Older versions in the lake; they stay there until they are removed."""
    older = [
        (one, plural(count, "document"))
        for one, count in impact.corpora
        if one not in impact.corpus
    ]
    older += [
        (one.mix, plural(one.tokens, "token"))
        for one in impact.mixes
        if one.mix.label not in impact.behind
    ]
    older += [
        (one.checkpoint, f"{one.stage}: {_read(one)}")
        for one in impact.training
        if one.checkpoint.label not in impact.behind
    ]
    children = [_artifact(impact, one, words) for one, words in older]
    return Node("other versions in the lake", _count(children), children)


def _inheriting(impact: Impact) -> Node:
    children = [
        _artifact(impact, one, "") for one in impact.inheriting if one.label in impact.behind
    ]
    return Node("checkpoints that went on from these", _count(children), children)


def _untouched(impact: Impact) -> Node:
    hit = {one.mix.label for one in impact.mixes} | {one.label for one in impact.inheriting}
    hit |= {one.checkpoint.label for one in impact.training}
    but = "but for the vocabulary" if impact.tokenizers else ""
    children = [
        _artifact(impact, one, but)
        for one in impact.closure
        if one.asset in ("curated_mix", *CHECKPOINTS) and one.label not in hit
    ]
    return Node("mixes and checkpoints not affected", _count(children), children, tone="good")


def _artifact(
    impact: Impact, artifact: Artifact, detail: str, children: Sequence[Node] = ()
) -> Node:
    link = audit_page(impact.study, artifact.asset, artifact.partition, artifact.version)
    return Node(artifact.label, detail, children, link=link)


def _count(found: Sequence[object]) -> str:
    return f"{len(found):,}" if found else "none"


def share(value: float) -> str:
    """A share with as many digits as it needs."""
    return f"{value:.2%}" if value >= 0.0001 else f"{value:.2g}"
