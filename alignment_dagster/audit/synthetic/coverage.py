"""`alignment synthetic coverage`: how much was written on what, how varied, what became of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from alignment_dagster.audit.answer import Answer, Cell, Table
from alignment_dagster.audit.corpus.current import Corpus
from alignment_dagster.audit.synthetic.current import find_written
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.shards import read_tables, shard_files
from alignment_dagster.study import Study
from alignment_dagster.synthesis.coverage import WrittenSource
from alignment_dagster.synthesis.gaps import describe_gaps
from alignment_dagster.synthesis.summary import Variety, WrittenSummary, summarise

LANGUAGE = "language"
SHOWN = 40
"""Rows."""
LABEL = ("scenario",)


def describe_coverage(study: Study, corpus: Corpus) -> Answer:
    """Each written source: its cells, what became of them, variety and languages.

    Raises:
        ArtifactError: if no written source was read yet.
        DeclarationError: names the file of scenarios that cannot be read.
    """
    raw = {one.partition: one for one in corpus.raw}
    found = [summarise(one, raw[one.name]) for one in find_written(study, corpus)]
    if not found:
        said = f"Study {study.name} has no source that is written (kind: synthetic)."
        return Answer(f"Coverage of {study.name}", [said], [], {"study": study.name, "sources": []})
    gaps = [gap for one in found for gap in describe_gaps(one.source)]
    languages = {one.source.name: _languages(corpus, one.source.name) for one in found}
    blocks = [block for one in found for block in _tables(one)]
    return Answer(
        f"Coverage of {study.name}",
        [
            *(_account(one, languages[one.source.name]) for one in found),
            *gaps,
            f"Texts: alignment corpus browse {study.name}",
        ],
        blocks,
        {
            "study": study.name,
            "gaps": gaps,
            "sources": [_plain(one, languages[one.source.name]) for one in found],
        },
    )


def _account(summary: WrittenSummary, languages: Mapping[str, int]) -> str:
    source = summary.source
    recipe = next(iter(source.recipes), None)
    said = (
        f"{source.name}: {len(source.documents):,} documents ({source.polarity}, by "
        f"{source.generator}) on {len(source.scenarios):,} scenarios in {len(source.forms)} forms; "
        f"{sum(source.quarantined.values()):,} quarantined, {source.repeated:,} repeated."
    )
    if languages:
        said += (
            f" Languages: {', '.join(f'{code} {count:,}' for code, count in languages.items())}."
        )
    if recipe is None:
        return f"{said} No recipe that was decided reads it."
    became = source.became(recipe)
    dropped = ", ".join(f"{rule} {count:,}" for rule, count in became.most_common())
    return f"{said} Under {recipe}: {dropped}."


def _tables(summary: WrittenSummary) -> Iterator[Table]:
    source = summary.source
    if source.recipes:
        yield _became_table(source)
    rows: dict[tuple[str, ...], Counter[str]] = {}
    labels = ("scenario", "domain") if any(domain for _, domain in source.scenarios) else LABEL
    for cell in summary.cells:
        at = (cell.place.scenario, cell.place.domain)[: len(labels)]
        rows.setdefault(at, Counter())[cell.place.form] += cell.written
    yield Table(
        f"{source.name}: documents on each scenario in each form",
        (*labels, *source.forms),
        [
            (*at, *(counts[form] for form in source.forms))
            for at, counts in sorted(rows.items(), key=lambda row: (row[1].total(), row[0]))
        ],
        shown=SHOWN,
    )
    yield _variety_table(summary, ("all", "form"), "form")
    yield _variety_table(summary, ("scenario",), "scenario")
    yield Table(
        f"{source.name}: templates",
        ("form", "version", "template", "documents", "share"),
        [
            (one.form, one.version, one.template[:12], one.documents, f"{one.share:.1%}")
            for one in summary.templates
        ],
    )


def _became_table(source: WrittenSource) -> Table:
    counts = {name: source.became(name) for name in source.recipes}
    rules = sorted({rule for one in counts.values() for rule in one})
    return Table(
        f"{source.name}: what became of it",
        ("recipe", *rules, "alike"),
        [
            (name, *(own[rule] for rule in rules), f"{source.alike(name):.1%}")
            for name, own in counts.items()
        ],
    )


def _variety_table(summary: WrittenSummary, kinds: Sequence[str], name: str) -> Table:
    return Table(
        f"{summary.source.name}: variety by {name}",
        (name, *VARIETY),
        [_variety_cells(one) for one in summary.variety if one.kind in kinds],
        shown=SHOWN,
    )


VARIETY = (
    *("documents", "words", "5 to 95 %"),
    *("distinct-1", "distinct-2", "distinct-3", "compression", "self-BLEU", "alike"),
)


def _variety_cells(one: Variety) -> Sequence[Cell]:
    found = one.measured
    return (
        one.name or "all",
        found.documents,
        round(found.words, 1),
        f"{found.words_low:.0f} to {found.words_high:.0f}",
        *(f"{one:.3f}" for one in found.distinct),
        f"{found.compression:.2f}",
        None if found.self_bleu is None else f"{found.self_bleu:.3f}",
        None if one.alike is None else f"{one.alike:.1%}",
    )


def _languages(corpus: Corpus, source: str) -> dict[str, int]:
    """Code → documents, where the study asks for the language."""
    scored = next((one for one in corpus.scored if one.partition == source), None)
    files = shard_files(scored, file_names.scores(LANGUAGE)) if scored else []
    codes = read_tables(files, ["code"])["code"].to_pylist() if files else []
    return dict(Counter(codes).most_common())


def _plain(summary: WrittenSummary, languages: dict[str, int]) -> dict[str, Any]:
    source = summary.source
    return {
        "source": source.name,
        "group": source.group,
        "polarity": source.polarity,
        "generator": source.generator,
        "documents": len(source.documents),
        "repeated": source.repeated,
        "quarantined": sum(source.quarantined.values()),
        "scenarios_without_documents": [list(one) for one in source.without_documents],
        "forms_without_documents": list(source.missing_forms),
        "languages": languages,
        "became": {name: dict(source.became(name)) for name in source.recipes},
        "alike": {name: source.alike(name) for name in source.recipes},
        "cells": [
            {
                **asdict(one.place),
                "polarity": source.polarity,
                "written": one.written,
                "quarantined": one.quarantined,
                "became": one.became,
            }
            for one in summary.cells
        ],
        "variety": [
            {"of": one.kind, "name": one.name, **asdict(one.measured), "alike": one.alike}
            for one in summary.variety
        ],
        "templates": [asdict(one) for one in summary.templates],
    }
