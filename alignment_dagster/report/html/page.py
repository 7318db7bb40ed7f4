"""The report: one self-contained HTML page, and the same numbers as JSON and Parquet.

The page needs no script and no network. All text in it is escaped; only the figures, drawn here
from numbers and names, are inserted as markup.
"""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage import file_names
from alignment_dagster.report.html.headline import headline
from alignment_dagster.report.html.selection import without_tampered_stages
from alignment_dagster.report.results import results_json, results_table
from alignment_dagster.report.rows import ReportData

TEMPLATE = "report.html.j2"


def write_report(data: ReportData, folder: Path) -> None:
    """Write `report.html`, `results.json` and `results.parquet`; same data, same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file_names.REPORT).write_text(render(data), encoding="utf-8")
    (folder / file_names.RESULTS).write_text(results_json(data.results), encoding="utf-8")
    pq.write_table(
        results_table(data.results), folder / file_names.RESULTS_TABLE, compression="zstd"
    )


def render(data: ReportData) -> str:
    """The page as HTML."""
    # Imported here for their weight: jinja2 and, behind the sections, matplotlib take a second.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from alignment_dagster.report.html.sections import make_sections

    shown = without_tampered_stages(data)
    environment = Environment(
        loader=PackageLoader("alignment_dagster.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_make_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        data=shown, headline=headline(shown), sections=make_sections(shown)
    )


def _make_visible(value: Any) -> Any:
    """Text without the characters that could disguise it; figures are markup and stay."""
    return visible(value) if type(value) is str else value
