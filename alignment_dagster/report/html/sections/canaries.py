"""What became of the documents that the study planted."""

from alignment_dagster.report.canaries import CanaryRow, last_stage
from alignment_dagster.report.canary_outcomes import BASE
from alignment_dagster.report.html.content import Cell, Section, Sentences, keep_filled
from alignment_dagster.report.html.pivots import list_table
from alignment_dagster.report.rows import ReportData
from alignment_dagster.report.text import DASH, STAGES, number, spaced

INTRO = (
    "Documents of known content that the study planted in its sources, followed through every "
    "ledger. They audit the audit: what a filter lets through shows here, and what was trained on."
)
CAPTION = (
    "Planted documents under each recipe: those that are kept, and those of them that pretraining "
    "read, with their tokens (mean over the seeds), and the first and last step of any seed. "
    "Exposure (Carlini et al., 2019) says how high the planted completion ranks among its "
    "candidates, in bits: log2 of their number less log2 of its rank, mean over seeds and probes, "
    "before post-training and after."
)


def section(data: ReportData) -> Section:
    """A line for each canary and recipe, below what each canary showed."""
    said = tuple(f"{one.canary}: {one.description} {one.summary}" for one in data.canary_outcomes)
    last = last_stage(data.canaries)
    table = list_table(
        CAPTION,
        ("recipe",),
        (
            *("planted", "kept", "read", "tokens", "steps"),
            *(
                "exposure",
                STAGES[last].replace("After", "after"),
                "by chance",
                "at most",
                "dropped by",
            ),
        ),
        data.canaries,
        lambda r: (f"{spaced(r.canary)}, in {spaced(r.source)}", r.recipe),
        lambda row: _cells(row, last),
        grouped=1,
        noted=True,
    )
    blocks = keep_filled(Sentences(said) if said else None, table)
    return Section("canaries", "Canaries", INTRO if blocks else "", blocks)


def _cells(row: CanaryRow, last: str) -> tuple[Cell, ...]:
    return (
        Cell(f"{row.planted:,}", mark=row.planted < row.documents),
        Cell(f"{row.kept:,}", mark=bool(row.missed)),
        *(Cell(DASH if one is None else f"{one:,}") for one in (row.read, row.tokens)),
        Cell(steps_text(row)),
        Cell(number(row.exposure.get(BASE), 2)),
        Cell(number(row.exposure.get(last), 2)),
        Cell(number(row.by_chance, 2)),
        Cell(number(row.most, 2)),
        Cell(dropped_text(row)),
    )


def steps_text(row: CanaryRow) -> str:
    """`3 to 91`; a dash where no step read it."""
    if row.first_step is None:
        return DASH
    last = "" if row.last_step == row.first_step else f" to {row.last_step:,}"
    return f"{row.first_step:,}{last}"


def dropped_text(row: CanaryRow) -> str:
    """`exact duplicate 3, held out 1`; a dash where nothing was dropped."""
    return ", ".join(f"{spaced(rule)} {count:,}" for rule, count in row.dropped.items()) or DASH
