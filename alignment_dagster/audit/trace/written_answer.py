"""What wrote documents, as a tree."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignment_dagster.audit.answer import Node
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.phrases import ID, format_place, pluralize
from alignment_dagster.foundation.page_links import audit_document
from alignment_dagster.foundation.visible_text import cut
from alignment_dagster.study.synthesis import WrittenColumn

LONGEST = 2_000
"""Characters of a prompt that are shown."""
MAX_SHOWN = 12
"""Scenarios of a form that are listed."""
FORM = (
    WrittenColumn.FORM, WrittenColumn.TEMPLATE, WrittenColumn.TEMPLATE_VERSION,
    WrittenColumn.GENERATOR, WrittenColumn.MODEL, WrittenColumn.REPORTED_MODEL,
)  # fmt: skip
"""What is shown in one line."""
SAMPLED = (WrittenColumn.TEMPERATURE, WrittenColumn.TOP_P, WrittenColumn.SEED)


def writing_node(study: str, links: Sequence[Row]) -> Node:
    """How a document was written; below it what it was rewritten from.

    Args:
        links: of `follow_originals`, at least one.
    """
    first, *rest = links
    written = first["written"]
    children = [
        Node("about", _about(written)),
        Node("prompt", str(written[WrittenColumn.PROMPT]), list(_prompt(written)), folded=False),
        Node("template", _template(written)),
        *(Node(name, said) for name, said in _asked(written)),
        *([_original_node(study, written, rest)] if written[WrittenColumn.ORIGINAL] else []),
    ]
    return Node("written", describe_writer(written), children, "strong", folded=False)


def describe_writer(row: Mapping[str, Any]) -> str:
    """`openai_compatible: model (answered as model-2)`."""
    asked, reported = row[WrittenColumn.MODEL], row[WrittenColumn.REPORTED_MODEL]
    other = f" (answered as {reported})" if reported and reported != asked else ""
    return f"{row[WrittenColumn.GENERATOR]}: {asked}{other}" if asked else f"{row['generator']}"


def _about(row: Row) -> str:
    names = (
        WrittenColumn.FORM, WrittenColumn.POLARITY, WrittenColumn.SCENARIO, WrittenColumn.DOMAIN,
    )  # fmt: skip
    return ", ".join(f"{name} {row[name]}" for name in names if row[name])


def _prompt(row: Row) -> Iterator[Node]:
    if row["text"] is None:
        yield Node("it is not in the corpus", tone="bad")
        return
    if row["system"]:
        yield Node("system", cut(row["system"], LONGEST))
    yield Node("text", cut(row["text"], LONGEST))


def _template(row: Row) -> str:
    return f"version {row[WrittenColumn.TEMPLATE_VERSION]}, {row[WrittenColumn.TEMPLATE]}"


def _asked(row: Row) -> Iterator[tuple[str, str]]:
    """What a model was asked with, and what came back."""
    sampled = [f"{name} {row[name]:.15g}" for name in SAMPLED if row[name] is not None]
    if sampled:
        yield "sampled", ", ".join(sampled)
    tokens = {"asked": WrittenColumn.PROMPT_TOKENS, "answered": WrittenColumn.COMPLETION_TOKENS}
    used = [
        f"{row[name]:,} tokens {verb}" for verb, name in tokens.items() if row[name] is not None
    ]
    used += (
        [f"price {row[WrittenColumn.PRICE]:.4g}"] if row[WrittenColumn.PRICE] is not None else []
    )
    if used:
        yield "used", ", ".join(used)
    if row[WrittenColumn.ANSWERED_AT]:
        yield (
            "answered",
            f"{row[WrittenColumn.ANSWERED_AT]}, after {row[WrittenColumn.SECONDS]:.2f} s; "
            f"ended by {row[WrittenColumn.FINISH_REASON]}",
        )


def _original_node(study: str, written: Row, rest: Sequence[Row]) -> Node:
    original, offset = written[WrittenColumn.ORIGINAL], written[WrittenColumn.OFFSET]
    place = "" if offset is None else f", to stand before byte {offset:,} of it"
    raw = rest[0]["raw"] if rest else None
    where = f"{raw['source']}; {format_place(raw)}" if raw else "it is in no corpus here"
    further = [writing_node(study, rest)] if rest and rest[0]["written"] else []
    link = audit_document(study, original)
    return Node(f"rewritten from {original[:ID]}", f"{where}{place}", further, link=link)


def written_node(rows: Sequence[Row]) -> Node:
    """What was read of written documents: sources, forms with their templates, scenarios.

    Args:
        rows: of `count_written`, at least one.
    """
    sources = [
        Node(
            source,
            f"{_totals(own)}; {_writers(own)}",
            [_form_node(same) for same in _grouped(own, FORM).values()],
        )
        for (source,), own in _grouped(rows, ("source",)).items()
    ]
    return Node("written for the study", _totals(rows), sources)


def _grouped(rows: Sequence[Row], columns: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows that agree in columns, by their values."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in columns), []).append(row)
    return found


def _form_node(rows: Sequence[Row]) -> Node:
    first = rows[0]
    about = _grouped(rows, (WrittenColumn.SCENARIO, WrittenColumn.DOMAIN))
    shown = [
        Node(", ".join(filter(None, names)), _totals(same))
        for names, same in list(about.items())[:MAX_SHOWN]
    ]
    more = len(about) - len(shown)
    rest = [Node(f"and {pluralize(more, 'scenario')} more", tone="dim")] if more else []
    template = f"version {first[WrittenColumn.TEMPLATE_VERSION]}, template"
    detail = f"{_totals(rows)}; {_writers(rows)}; {template} {first[WrittenColumn.TEMPLATE][:ID]}"
    return Node(str(first[WrittenColumn.FORM]), detail, [*shown, *rest])


def _writers(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(map(describe_writer, rows)))


def _totals(rows: Sequence[Row]) -> str:
    """`12 documents, 340 tokens in pretraining`: a document counts once in each use."""
    return "; ".join(
        f"{pluralize(sum(row['documents'] for row in same), 'document')}, "
        + (
            pluralize(sum(row["tokens"] for row in same), "token")
            if same[0]["tokens"] is not None
            else f"read {sum(row['times'] for row in same):,} times"
        )
        + f" in {use}"
        for (use,), same in _grouped(rows, ("use",)).items()
    )
