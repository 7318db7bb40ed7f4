"""What the numbers rest on: the mix, the declarations, checks, artifacts and limits."""

from collections import Counter
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from alignment_dagster.foundation.glossary import read_glossary
from alignment_dagster.foundation.placement import FILE, Price
from alignment_dagster.report.filter_quality import FilterQuality
from alignment_dagster.report.html.content import (
    Cell,
    Checks,
    Drawing,
    Figures,
    Pivot,
    Section,
    Sentences,
    Term,
    Terms,
    Text,
    Versions,
    keep_filled,
)
from alignment_dagster.report.html.pivots import list_table, pivot
from alignment_dagster.report.html.plots.mix import composition_plot, loss_plot
from alignment_dagster.report.html.plots.style import series_styles
from alignment_dagster.report.html.selection import recipe_names
from alignment_dagster.report.rows import LeakRow, ReportData, SourceRows
from alignment_dagster.report.text import DASH, number, spaced
from alignment_dagster.study import Suite

HOUR = 3600
"""Seconds."""
KEPT = "kept"


def training_data(data: ReportData) -> Section:
    """Mix, loss curves, dispositions and the filter's quality."""
    figures = Figures((*_composition_drawings(data), *_loss_drawings(data)))
    tables = keep_filled(
        _dispositions_table(data),
        _filter_table(data.filter_quality),
        _leaks_table(data.leaks),
    )
    return Section(
        "reading",
        "What the models read",
        "",
        keep_filled(figures, _account(data)),
        tables,
        "What became of each document",
    )


def compute(data: ReportData) -> Section:
    """What each stage took, all models together, and what that costs."""
    price = data.price
    cost = (f"cost, {price.currency}",) if price else ()
    table = list_table(
        "Tokens and seconds of all models of a stage together, as they were recorded when it was "
        f"made. {_describe_cost(data)}",
        ("stage",),
        ("models", "parameters", "tokens", "seconds", "device hours", *cost, "device", "machine"),
        data.compute,
        lambda r: (r.stage,),
        lambda r: (
            Cell(f"{r.models:,}"),
            Cell(f"{r.parameters:,}"),
            Cell(DASH if r.tokens is None else f"{r.tokens:,}"),
            Cell(f"{r.seconds:,.0f}"),
            Cell(f"{r.device_seconds / HOUR:,.3f}"),
            *((Cell(f"{_cost(r.device_seconds, price):,.3f}"),) if price else ()),
            Cell(r.device),
            Cell(r.machine),
        ),
        grouped=0,
        noted=True,
    )
    return Section("compute", "What it took", "", keep_filled(table))


def _cost(device_seconds: float, price: Price) -> float:
    return price.per_device_hour * device_seconds / HOUR


def _describe_cost(data: ReportData) -> str:
    seconds, price = sum(row.device_seconds for row in data.compute), data.price
    spent = f"All stages: {seconds / HOUR:,.3f} device hours"
    if price is None:
        return f"{spent}; no price was declared in {FILE}."
    return (
        f"{spent}, {_cost(seconds, price):,.3f} {price.currency} at {price.per_device_hour:,.10g} "
        f"{price.currency} a device hour ({FILE} of the home, when this page was made)."
    )


def names(data: ReportData) -> Section:
    """The declared recipes and suites."""
    recipes = tuple(Term(recipe.name, recipe.description) for recipe in data.recipes)
    suites = tuple(Term(one.name, one.description, _suite_facts(one)) for one in data.suites)
    blocks = tuple(Terms(terms) for terms in (recipes, suites) if terms)
    return Section("names", "Recipes and suites", "", (), blocks, "Descriptions")


def glossary(_data: ReportData) -> Section:
    """What the words of the page mean."""
    terms = Terms(tuple(Term(word, meaning) for word, meaning in read_glossary()))
    return Section("glossary", "Glossary", "", (), (terms,), "What the words mean")


def checks(data: ReportData) -> Section:
    """Asset checks; those that failed are not folded."""
    failed = [check for check in data.checks if not check.passed]
    passed = [check for check in data.checks if check.passed]
    intro = f"{len(passed)} of {len(data.checks)} passed."
    return Section(
        "checks",
        "Checks",
        intro,
        (Checks(failed),) if failed else (),
        (Checks(passed),) if passed else (),
        "Checks that passed",
    )


def artifacts(data: ReportData) -> Section:
    """Versions of everything behind the page."""
    about = (
        "Each version is a content-addressed folder with its manifest and provenance; results.json "
        "names the versions behind every single number."
    )
    blocks = (Text(about), Versions(data.versions)) if data.versions else ()
    return Section("artifacts", "Artifacts behind this report", "", (), blocks, "Versions")


def limits(data: ReportData) -> Section:
    """What the numbers do not say."""
    blocks = (Sentences(data.limits),) if data.limits else ()
    return Section("limits", "Limits", "", blocks)


def _suite_facts(suite: Suite) -> str:
    split = f", {suite.split}" if suite.split else ""
    formats = ", ".join(suite.formats)
    return f"{suite.kind}{split}; formats: {formats}; licence: {suite.licence}."


def _composition_drawings(data: ReportData) -> list[Drawing]:
    if not data.composition:
        return []
    tokens = max(
        sum(row.tokens for row in data.composition if row.recipe == recipe)
        for recipe in {row.recipe for row in data.composition}
    )
    caption = f"Training tokens by group of documents; {tokens:,} tokens in each mix."
    order = recipe_names(data)
    rows = sorted(data.composition, key=lambda row: order.index(row.recipe))
    svg = composition_plot(rows, "plot-mix")
    return [Drawing("Mix composition", Markup(svg), caption)]


def _loss_drawings(data: ReportData) -> list[Drawing]:
    if not data.losses:
        return []
    svg = loss_plot(data.losses, series_styles(recipe_names(data)), "plot-loss")
    caption = "Pretraining loss, mean over seeds; the band spans the seeds."
    return [Drawing("Loss curves", Markup(svg), caption)]


def _dispositions_table(data: ReportData) -> Pivot | None:
    """The rows of each source under each recipe, in the one place where each ended."""
    every = data.dispositions
    rules = sorted({row.rule or row.state for row in every if row.state != KEPT})
    read = {row.source: row for row in data.read}
    decided: dict[tuple[str, str], dict[str, int]] = {}
    for row in every:
        counts = decided.setdefault((row.recipe, row.source), {})
        counts[KEPT if row.state == KEPT else row.rule or row.state] = row.documents
    return list_table(
        "Every row in the one place where it ended: rows = kept + dropped by the rule named + "
        "repeated + unusable. Shares are of the source's documents.",
        ("source",),
        ("rows", "repeated", "unusable", KEPT, *rules),
        decided.items(),
        lambda one: one[0],
        lambda one: (*_read_cells(read.get(one[0][1])), *_decided_cells(one[1], (KEPT, *rules))),
        grouped=1,
    )


def _read_cells(read: SourceRows | None) -> tuple[Cell, ...]:
    if read is None:
        return (Cell(DASH),) * 3
    return tuple(Cell(f"{one:,}") for one in (read.rows, read.repeated, read.quarantined))


def _decided_cells(counts: Mapping[str, int], names: Sequence[str]) -> tuple[Cell, ...]:
    documents = sum(counts.values())
    return tuple(
        Cell(f"{counts[name]:,}", note=f"{counts[name] / documents:.1%}")
        if name in counts
        else Cell(DASH)
        for name in names
    )


def _account(data: ReportData) -> Sentences | None:
    """A sentence for each recipe: whether its sources' rows add up, and what each rule removed."""
    recipes = dict.fromkeys(row.recipe for row in data.dispositions)
    lines = [_account_sentence(data, recipe) for recipe in recipes] if data.read else []
    return Sentences(lines) if lines else None


def _account_sentence(data: ReportData, recipe: str) -> str:
    own = [row for row in data.dispositions if row.recipe == recipe]
    decided = Counter[str]()
    dropped = Counter[str]()
    for row in own:
        decided[row.source] += row.documents
        if row.state != KEPT:
            dropped[row.rule or row.state] += row.documents
    read = [row for row in data.read if row.source in decided]
    rows, documents = sum(row.rows for row in read), sum(row.documents for row in read)
    kept = decided.total() - dropped.total()
    rules = ", ".join(
        f"{spaced(rule)} {count / max(1, documents):.1%}" for rule, count in dropped.most_common()
    )
    said = (
        f"{spaced(recipe)}: of {rows:,} rows {kept:,} are kept and {dropped.total():,} dropped"
        f"{f' ({rules} of the documents)' if rules else ''}, "
        f"{sum(row.repeated for row in read):,} repeat another and "
        f"{sum(row.quarantined for row in read):,} cannot be used"
    )
    wrong = [row for row in read if row.documents != decided[row.source]]
    if not wrong:
        return f"{said}: together all of them."
    first = wrong[0]
    return (
        f"{said}. They do not add up: of {first.source} {first.documents:,} documents were read, "
        f"and {decided[first.source]:,} decided."
    )


def _filter_table(rows: Sequence[FilterQuality]) -> Pivot | None:
    """Precision and recall of the filter on labelled sources."""
    return list_table(
        "The AI-discourse filter and its tiers, measured on the sources whose label is known; the "
        "second tier by what it adds to the first.",
        ("tier",),
        ("precision", "recall", "flagged", "documents"),
        rows,
        lambda r: (spaced(r.tier),),
        lambda r: (
            Cell(number(r.precision, 3)),
            Cell(number(r.recall, 3)),
            Cell(f"{r.flagged:,}"),
            Cell(f"{r.documents:,}"),
        ),
        grouped=0,
    )


def _leaks_table(rows: Sequence[LeakRow]) -> Pivot | None:
    """What the contamination check finds of planted leaks."""
    return pivot(
        "The contamination check, measured: the share that it finds of this study's own items, "
        "planted in a text as they are, in lines of 8 words, in capitals with other punctuation, "
        "by their shortest option alone, and with every seventh word another one.",
        ("suite",),
        list(dict.fromkeys(spaced(row.leak) for row in rows)),
        rows,
        lambda r: (r.suite,),
        lambda r: spaced(r.leak),
        lambda r: Cell(number(r.recall, 3)),
        grouped=0,
    )
