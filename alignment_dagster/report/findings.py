"""What a report found beyond single metrics, as JSON: claims, comparisons, durability, topics."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.report.rows import ReportData

PARTS = (
    "claims",
    "comparisons",
    "persistence",
    "erosion_summaries",
    "attacks",
    "formats",
    "topics",
)

Findings = Mapping[str, Sequence[Mapping[str, Any]]]
"""Part → its rows."""


def write_findings(data: ReportData, folder: Path) -> None:
    """Write `findings.json`; the same rows stand on the page."""
    parts = {part: [asdict(row) for row in getattr(data, part)] for part in PARTS}
    text = json.dumps(parts, ensure_ascii=False, indent=1)
    (folder / file_names.FINDINGS).write_text(text + "\n", encoding="utf-8")


def write_canaries(data: ReportData, folder: Path) -> None:
    """Write `canaries.json`: the rows of the page, and what each canary showed."""
    parts = {
        "rows": [asdict(row) for row in data.canaries],
        "outcomes": [asdict(one) for one in data.canary_outcomes],
    }
    text = json.dumps(parts, ensure_ascii=False, indent=1)
    (folder / file_names.CANARIES).write_text(text + "\n", encoding="utf-8")


def read_findings(folder: Path) -> Findings:
    """The rows that `write_findings` wrote.

    Raises:
        ArtifactError: if the file is absent or damaged.
    """
    path = folder / file_names.FINDINGS
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        # A report that was made before topics had names of their own has none here.
        found.setdefault("topics", [])
        return {part: found[part] for part in PARTS}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path}: these are no findings: {error!r}") from None
