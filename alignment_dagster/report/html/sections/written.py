"""What was written for the study: how much of what, how varied, and samples to read."""

from collections import Counter
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from alignment_dagster.report.html.content import (
    Block,
    Cell,
    Drawing,
    Exhibit,
    Exhibits,
    Figures,
    Passage,
    Pivot,
    Section,
    Sentences,
    keep_filled,
)
from alignment_dagster.report.html.pivots import list_table
from alignment_dagster.report.html.plots.coverage import CoverageGrid, coverage_plot
from alignment_dagster.report.rows import ReportData
from alignment_dagster.report.text import DASH, count, number, spaced
from alignment_dagster.synthesis.coverage import KEPT, Place
from alignment_dagster.synthesis.gaps import describe_gaps
from alignment_dagster.synthesis.summary import Variety, WrittenSample, WrittenSummary

SEEN = 2
"""Pictures that are not folded."""
MOST_ROWS = 40
"""Of a picture or a table."""
SHOWN = 12
"""Characters of a digest or an id."""
INTRO = (
    "Documents that a grammar or a language model wrote for this study: on which scenarios, in "
    "which forms, and what the recipes' rules made of them."
)
VARIETY = (
    "How varied the texts are. Distinct-n: of words, pairs and triples, the share that are "
    "different. Compression: bytes for each byte of zlib's. Self-BLEU: mean BLEU-4 of a text with "
    "the others as references (Zhu et al., 2018), of at most 100. All of them depend on how many "
    "texts there are. Alike: dropped as a duplicate or near duplicate of another document."
)


def section(data: ReportData) -> Section:
    """A picture of each source; its tables and samples are folded."""
    if not data.written:
        return Section("written", "What was written", "", ())
    # what is trained on is seen first
    shown = sorted(data.written, key=lambda one: not one.source.recipes)
    said = [sentence for one in shown for sentence in _account(one)]
    drawings = tuple(_drawing(one, at) for at, one in enumerate(shown))
    tables: tuple[Block | None, ...] = (
        Figures(drawings[SEEN:]),
        _became(shown),
        _varied(VARIETY, shown, ("all", "form")),
        _varied("The same by scenario.", shown, ("scenario",)),
        _templates(shown),
    )
    samples = [_samples(one) for one in shown if one.samples]
    return Section(
        "written",
        "What was written",
        INTRO,
        (Sentences(said), Figures(drawings[:SEEN])),
        (*keep_filled(*tables), *samples),
        "Decisions, variety, templates, and samples of each form, kept and dropped",
    )


def _account(summary: WrittenSummary) -> Iterator[str]:
    source = summary.source
    recipe = next(iter(source.recipes), None)
    fate = "no recipe reads it"
    if recipe is not None:
        became = source.became(recipe)
        dropped = ", ".join(
            f"{spaced(rule)} {documents:,}"
            for rule, documents in became.most_common()
            if rule != KEPT
        )
        fate = f"{spaced(recipe)} keeps {became[KEPT]:,}" + (
            f" and drops the others ({dropped})" if dropped else ""
        )
    yield (
        f"{spaced(source.name)}: {count(len(source.documents), 'document')} ({source.polarity}, by "
        f"{spaced(source.generator)}) on {count(len(source.scenarios), 'scenario')} in "
        f"{count(len(source.forms), 'form')}; {fate}; {sum(source.quarantined.values()):,} "
        f"quarantined, {source.repeated:,} repeated."
    )
    yield from map(spaced, describe_gaps(source))


def _drawing(summary: WrittenSummary, at: int) -> Drawing:
    source = summary.source
    grid, left_out = _grid(summary)
    rest = f" {left_out:,} topics with more documents are left out." if left_out else ""
    return Drawing(
        f"{spaced(source.name)}, {source.polarity}",
        Markup(coverage_plot(grid, f"plot-written-{at}")),
        f"Documents written by topic and form; none is hatched.{rest}",
    )


def _grid(summary: WrittenSummary) -> tuple[CoverageGrid, int]:
    """Scenarios in their domains where there is room for them, else domains, else scenarios."""
    source = summary.source
    named = [
        {one.place: _in_domain(one.place) for one in summary.cells},
        {one.place: one.place.domain or one.place.scenario for one in summary.cells},
        {one.place: one.place.scenario for one in summary.cells},
    ]
    names = next((one for one in named if len(set(one.values())) <= MOST_ROWS), named[-1])
    counts: dict[str, Counter[str]] = {}
    for cell in summary.cells:
        counts.setdefault(names[cell.place], Counter())[cell.place.form] += cell.written
    fewest = sorted(counts, key=lambda topic: counts[topic].total())[:MOST_ROWS]
    topics = [topic for topic in counts if topic in set(fewest)]
    rows = [[counts[topic][form] for form in source.forms] for topic in topics]
    return CoverageGrid(topics, source.forms, rows), len(counts) - len(topics)


def _in_domain(place: Place) -> str:
    return f"{place.domain}: {place.scenario}" if place.domain else place.scenario


def _became(written: Sequence[WrittenSummary]) -> Pivot | None:
    rows = [
        (one, recipe, form)
        for one in written
        for recipe in one.source.recipes
        for form in one.source.forms
    ]
    rules = sorted({rule for one, recipe, _ in rows for rule in one.source.became(recipe)} - {KEPT})

    def cells(row: tuple[WrittenSummary, str, str]) -> tuple[Cell, ...]:
        summary, recipe, form = row
        own = [cell for cell in summary.cells if cell.place.form == form]
        became = Counter[str]()
        for cell in own:
            became.update(cell.became.get(recipe, {}))
        written_of = sum(cell.written for cell in own)
        unusable = sum(cell.quarantined for cell in own)
        return tuple(
            Cell(f"{one:,}" if one else DASH)
            for one in (written_of, unusable, became[KEPT], *(became[rule] for rule in rules))
        )

    return list_table(
        "What each recipe that reads a source makes of its documents, by form.",
        ("form",),
        ("written", "quarantined", KEPT, *rules),
        rows,
        lambda row: (row[0].source.name, row[1], row[2]),
        cells,
        grouped=2,
    )


def _varied(caption: str, written: Sequence[WrittenSummary], kinds: Sequence[str]) -> Pivot | None:
    rows = [
        (one.source.name, variety)
        for one in written
        for variety in [each for each in one.variety if each.kind in kinds][:MOST_ROWS]
    ]
    return list_table(
        caption,
        ("scenario" if "scenario" in kinds else "form",),
        (
            *("documents", "words", "distinct-1", "distinct-2", "distinct-3"),
            *("compression", "self-BLEU", "alike"),
        ),
        rows,
        lambda row: (row[0], row[1].name or "all"),
        lambda row: _variety_cells(row[1]),
        grouped=1,
    )


def _variety_cells(one: Variety) -> tuple[Cell, ...]:
    found = one.measured
    return (
        Cell(f"{found.documents:,}"),
        Cell(number(found.words, 0), f"{found.words_low:.0f} to {found.words_high:.0f}"),
        *(Cell(number(share, 3)) for share in found.distinct),
        Cell(number(found.compression, 2)),
        Cell(number(found.self_bleu, 2)),
        Cell(DASH if one.alike is None else f"{one.alike:.1%}"),
    )


def _templates(written: Sequence[WrittenSummary]) -> Pivot | None:
    rows = [(one.source.name, each) for one in written for each in one.templates[:MOST_ROWS]]
    return list_table(
        "Documents by template.",
        ("form",),
        ("documents", "share", "version", "template"),
        rows,
        lambda row: (row[0], row[1].form),
        lambda row: (
            Cell(f"{row[1].documents:,}"),
            Cell(f"{row[1].share:.1%}"),
            Cell(row[1].version),
            Cell(row[1].template[:SHOWN]),
        ),
        grouped=1,
    )


def _samples(summary: WrittenSummary) -> Exhibits:
    source = summary.source
    name = f"{spaced(source.name)} ({source.polarity})"
    return Exhibits(f"Samples of {name}", tuple(_exhibit(name, one) for one in summary.samples))


def _exhibit(name: str, sample: WrittenSample) -> Exhibit:
    where = f" under {spaced(sample.recipe)}" if sample.recipe else ""
    became = spaced(sample.became)
    shown = became if sample.became in (KEPT, "written") else f"dropped by {became}"
    topic = ", ".join(filter(None, (sample.place.scenario, sample.place.domain)))
    return Exhibit(
        f"{name}: {spaced(sample.place.form)}",
        f"{spaced(topic)}; document {sample.document_id[:SHOWN]}",
        (Passage(f"{shown}{where}", sample.text),),
    )
