"""The parts of the answer: numbers, documents, items. Long ones are cut; the JSON has all."""

from collections.abc import Iterator, Sequence

from alignment_dagster.audit.answer import Node, Table
from alignment_dagster.audit.diff.dispositions import ADDED, REMOVED, SAME
from alignment_dagster.audit.diff.documents import DocumentChanges, Row
from alignment_dagster.audit.diff.examples import DocumentExample, cut_excerpt
from alignment_dagster.audit.diff.items import ItemChange
from alignment_dagster.audit.diff.numbers import NumberChanges
from alignment_dagster.report.cells import BITS_PER_BYTE

NUMBERS, ROWS, EXAMPLES, ITEMS = 15, 25, 12, 5
ID_CHARACTERS = 12
COUNT_COLUMNS = ("now_dropped", "now_kept", "added", "removed", "seen_more", "seen_less")


def number_tables(measured: NumberChanges) -> Iterator[Table]:
    """The changed numbers, the largest change first; shares and bits are no one scale."""
    losses = [one for one in measured.changes if one.metric == BITS_PER_BYTE]
    rates = [one for one in measured.changes if one.metric != BITS_PER_BYTE]
    for changes, what in ((rates, "rate"), (losses, "loss, in bits per byte")):
        if changes:
            caption = f"Paired change of each {what}: same items and seeds, the largest first"
            rows = [
                (one.name, f"{one.change:+.4f}", f"{one.ci_low:+.3f} to {one.ci_high:+.3f}",
                 round(one.before, 4), round(one.after, 4), f"{one.p_holm:.3f}", one.n, one.seeds)
                for one in changes[:NUMBERS]
            ]  # fmt: skip
            columns = ("number", "change", "95 %", "before", "after", "p (Holm)", "n", "seeds")
            yield Table(caption, columns, rows, len(changes) - len(rows))


def document_blocks(found: DocumentChanges, *, both: bool) -> Iterator[Node | Table]:
    """What changed in the data; `both` where two recipes are compared, under one name."""
    if found.raw:
        names = ("source", "before", "after", "added", "gone")
        yield _table("Raw corpus: documents that are new or gone", names, found.raw)
    own = () if both else ("recipe",)
    if found.by_source:
        yield _source_table(found.by_source, own)
    if found.by_rule:
        names = (*own, "was", "now", "source", "documents", "into_the_mix", "out_of_the_mix")
        yield _table("What became of documents, by rule", names, found.by_rule)
    if found.by_band:
        yield _band_table(found.by_band, own)
    examples = [*found.raw_examples, *_vary(found.examples)]
    if examples:
        shown = [_example_node(one, both=both) for one in examples[:EXAMPLES]]
        yield Node("examples", "counts above are exact; these are a few", shown, "strong")


def item_nodes(items: Sequence[ItemChange]) -> Node:
    """The items of suites that differ, a few word for word."""
    suites = []
    for suite in dict.fromkeys(one.suite for one in items):
        own = [one for one in items if one.suite == suite]
        counts = [
            f"{count:,} {what}"
            for what in ("added", "removed", "changed", "regrouped")
            if (count := sum(one.what == what for one in own))
        ]
        some = [Node(f"{one.what}, line {one.line}", _format_item(one)) for one in own[:ITEMS]]
        suites.append(Node(suite, ", ".join(counts), some))
    return Node("items of suites", "", suites, "strong")


def _format_item(one: ItemChange) -> str:
    if one.what == "regrouped" and one.before and one.after:
        return f"topic {one.before['topic']} → {one.after['topic']}: {cut_excerpt(one.question)}"
    sides = [cut_excerpt(str(side["question"])) for side in (one.before, one.after) if side]
    return " → ".join(dict.fromkeys(sides))


def _source_table(rows: Sequence[Row], own: tuple[str, ...]) -> Table:
    shown = [
        (*(row[column] for column in own), row["source"], _format_move(row, ""), row["added"],
         row["removed"], row["seen_more"], row["seen_less"], _format_move(row, "tokens_"),
         row["reweighted"], _format_move(row, "weight_"))
        for row in rows[:ROWS]
    ]  # fmt: skip
    columns = (*own, "source", "documents", "added", "removed", "seen more", "seen less", "tokens",
               "reweighted", "weight")  # fmt: skip
    return Table("What the mixes hold, by source", columns, shown, len(rows) - len(shown))


def _band_table(rows: Sequence[Row], own: tuple[str, ...]) -> Table:
    """Without the counts that are 0 in every row."""
    bands = [
        " → ".join(
            dict.fromkeys(row[side] or "(no score)" for side in ("band_before", "band_after"))
        )
        for row in rows
    ]
    names = (*own, "rule", "score", "band", "documents",
             *(name for name in COUNT_COLUMNS if any(row[name] for row in rows)))  # fmt: skip
    shown = [{**row, "band": band} for row, band in zip(rows, bands, strict=True)]
    return _table("The changed documents by the score that a rule looks at", names, shown)


def _format_move(row: Row, prefix: str) -> str:
    """`before → after`, once where they are the same."""
    sides = [
        "-" if value is None else f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
        for value in (row[f"{prefix}before"], row[f"{prefix}after"])
    ]
    return " → ".join(dict.fromkeys(sides))


def _table(caption: str, names: Sequence[str], rows: Sequence[Row]) -> Table:
    shown = [[row[column] for column in names] for row in rows[:ROWS]]
    columns = [column.replace("_", " ") for column in names]
    return Table(caption, columns, shown, len(rows) - len(shown))


def _vary(examples: Sequence[DocumentExample]) -> list[DocumentExample]:
    """One of every kind of change before two of any; entering and leaving before the rest."""
    seen: dict[tuple[str, str | None], int] = {}
    ranked = []
    for one in examples:
        kind = (one.what, one.mix)
        seen[kind] = seen.get(kind, 0) + 1
        ranked.append((seen[kind], one.mix not in (ADDED, REMOVED), one.mix == SAME, one))
    return [rank[-1] for rank in sorted(ranked, key=lambda rank: rank[:-1])]


def _example_node(one: DocumentExample, *, both: bool) -> Node:
    head = f"{one.source} {one.document_id[:ID_CHARACTERS]}"
    parts = [] if both or one.recipe is None else [one.recipe]
    parts.append(one.what if one.mix in (None, SAME) else f"{one.what}, {one.mix}")
    if one.seen_before is not None or one.seen_after is not None:
        parts.append(f"seen {one.seen_before or 0:g} → {one.seen_after or 0:g} times")
    if one.score is not None:
        parts.append(f"value {one.score:g}")
    return Node(head, "; ".join(parts), [Node(one.place, one.excerpt, (), "dim")])
