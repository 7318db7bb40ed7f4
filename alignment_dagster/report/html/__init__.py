"""The report: one self-contained HTML page, and the same numbers as JSON and Parquet.

The page needs no script and no network. All text in it is escaped; only the figures, drawn here
from numbers and names, are inserted as markup.
"""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.report.html.headline import headline
from alignment_dagster.report.html.selection import general
from alignment_dagster.report.results import results_json, results_table
from alignment_dagster.report.rows import ReportData

REPORT = "report.html"
RESULTS_JSON = "results.json"
RESULTS_PARQUET = "results.parquet"
TEMPLATE = "report.html.j2"


def write_report(data: ReportData, folder: Path) -> None:
    """Write `report.html`, `results.json` and `results.parquet`; same data, same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT).write_text(render(data), encoding="utf-8")
    (folder / RESULTS_JSON).write_text(results_json(data.results), encoding="utf-8")
    pq.write_table(results_table(data.results), folder / RESULTS_PARQUET, compression="zstd")


def render(data: ReportData) -> str:
    """The page as HTML."""
    # jinja2 and matplotlib take a second to import; the code location imports this module.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from alignment_dagster.report.html.sections import sections

    shown = general(data)
    environment = Environment(
        loader=PackageLoader("alignment_dagster.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        data=shown, headline=headline(shown), sections=sections(shown)
    )


def _plain(value: Any) -> Any:
    """Text without the characters that could disguise it; figures are markup and stay."""
    return visible(value) if type(value) is str else value
