"""An impact as a tree, tables and a plan."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from alignment_dagster.audit.answer import Answer, Node, Table
from alignment_dagster.audit.impact.affected import (
    CHOSEN,
    MEASURED,
    TRAINED,
    UNTOUCHED,
    VOCABULARY,
)
from alignment_dagster.audit.impact.as_json import impact_as_json
from alignment_dagster.audit.impact.blast_radius import Impact
from alignment_dagster.audit.impact.instructions import list_instructions
from alignment_dagster.audit.impact.tree import build_tree
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.phrases import ID, pluralize

SAID = (TRAINED, MEASURED, CHOSEN, VOCABULARY, UNTOUCHED)
MAX_SHOWN = 20
"""Documents and metrics that are listed; the JSON has all."""


def impact_as_answer(impact: Impact) -> Answer:
    """What is hit, what is not, and what to do."""
    return Answer(
        title=f"withdrawing {_describe_withdrawal(impact)}",
        sentences=list(_sentences(impact)),
        blocks=[
            build_tree(impact),
            _metric_table(impact),
            _plan_table(impact),
            Node(
                "to do", children=[Node(line) for line in list_instructions(impact)], tone="strong"
            ),
        ],
        data=impact_as_json(impact),
        warnings=list(_warnings(impact)),
    )


def _describe_withdrawal(impact: Impact) -> str:
    named = [f"source {name}" for name in impact.withdrawn.sources]
    if impact.withdrawn.documents:
        named.append(pluralize(len(impact.withdrawn.documents), "document"))
    named += [one.said for one in impact.withdrawn.written]
    return f"{' and '.join(named)} ({pluralize(impact.withdrawn.count, 'document')} in the lake)"


def _sentences(impact: Impact) -> Iterator[str]:
    counts = impact.counts
    if rewritten := len(impact.withdrawn.rewritten):
        yield (
            f"Withdrawn with it, and counted, are {pluralize(rewritten, 'document')} that were "
            "rewritten from it: their prompts held it word for word, and their source, made anew, "
            "has none of them."
        )
    behind = [one for one in impact.training if one.checkpoint.label in impact.behind]
    checkpoints = {one.checkpoint.label for one in behind}
    yield (
        f"Of {pluralize(len(impact.metrics), 'metric')} of {impact.report.label}: "
        + ", ".join(f"{counts[how]:,} {how}" for how in SAID if how != CHOSEN or counts[how])
        + "."
    )
    if behind:
        tokens = sum(one.tokens for one in behind if one.tokens is not None)
        how_many = f": {pluralize(tokens, 'token')} in pretraining" if tokens else ""
        yield f"{pluralize(len(checkpoints), 'checkpoint')} read it themselves{how_many}."
    else:
        yield "Nothing behind this report was trained on it."
    for learnt in impact.classifiers:
        if learnt.classifier.label in impact.behind:
            yield (
                f"{learnt.classifier.label} learnt from {pluralize(learnt.documents, 'document')} "
                "of it: without them it may drop others."
            )
    if not impact.raw.files:
        yield "The corpus of this report does not hold it: only older versions in the lake do."
    if impact.unsearched:
        yield (
            f"{pluralize(impact.unsearched, 'older artifact')} that nothing refers to any more: "
            "collected as garbage, so what they held can no longer be told."
        )
    yield (
        f"Made again would be {pluralize(len(impact.plan), 'artifact')}, "
        f"which took {format_duration(impact.seconds)} last time."
    )


def _warnings(impact: Impact) -> Iterator[str]:
    """What makes withdrawing just this not enough."""
    doubles = impact.raw.doubles
    takes = [one for one in doubles if one["takes_place"]]
    if takes:
        yield (
            f"The same text, or nearly, stands in {pluralize(len(takes), 'document')} more that "
            "were dropped as duplicates of it: one of these would take its place. "
            "Withdraw them too: " + _join_ids(takes)
        )
    others = [one for one in doubles if not one["takes_place"]]
    if others:
        yield (
            f"The same text is also in {pluralize(len(others), 'document')} that would stay. "
            f"Withdraw them too: {_join_ids(others)}"
        )
    if impact.guests:
        count = pluralize(len(impact.guests), "document")
        yield (
            f"Inserted into it, and refused without it: {count} that would stay. "
            f"Withdraw them too: {_join_ids(impact.guests)}"
        )


def _join_ids(rows: Sequence[Row]) -> str:
    shown = ", ".join(f"{row['document_id'][:ID]} ({row['source']})" for row in rows[:MAX_SHOWN])
    return shown + (f" and {len(rows) - MAX_SHOWN} more" if len(rows) > MAX_SHOWN else "")


def _metric_table(impact: Impact) -> Table:
    found = [one for one in impact.metrics if one.how != UNTOUCHED]
    pooled = [one for one in found if one.row.seed is None]
    ordered = sorted(pooled, key=lambda one: SAID.index(one.how))
    return Table(
        f"metrics affected: {len(found):,} of {len(impact.metrics):,}; pooled ones:",
        ["metric", "value", "how", "through"],
        [[one.name, one.row.value, one.how, ", ".join(one.stages)] for one in ordered[:MAX_SHOWN]],
        max(0, len(ordered) - MAX_SHOWN),
    )


def _plan_table(impact: Impact) -> Table:
    """Partitions of an asset in one row."""
    rows = []
    for asset, found in groupby(impact.plan, key=lambda one: one.asset):
        listed = list(found)
        names = [one.partition for one in listed if one.partition]
        same = all(one.same for one in listed)
        rows.append(
            [
                asset,
                len(listed),
                ", ".join(names),
                round(sum(one.seconds for one in listed), 1),
                "the same bytes: nothing follows from it" if same else "",
            ]
        )
    return Table(
        f"made again, in this order ({format_duration(impact.seconds)} last time)",
        ["asset", "partitions", "which", "seconds", "gives"],
        rows,
    )


def format_duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
