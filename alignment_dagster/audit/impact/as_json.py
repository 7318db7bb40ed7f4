"""An impact as JSON, complete."""

from dataclasses import asdict, fields
from typing import Any

from alignment_dagster.audit.impact.blast_radius import Impact
from alignment_dagster.audit.impact.instructions import list_instructions
from alignment_dagster.lineage.lake import Artifact


def impact_as_json(impact: Impact) -> dict[str, Any]:
    """Every finding; `in_report` says whether it lies behind the report, or is history."""
    return {
        "study": impact.study,
        "report": impact.report.label,
        "withdrawn": asdict(impact.withdrawn),
        "raw": asdict(impact.raw),
        "corpora": [
            {"artifact": one.label, "documents": count, "in_report": one in impact.corpus}
            for one, count in impact.corpora
        ],
        "mixes": [_finding(impact, one) for one in impact.mixes],
        "guests": impact.guests,
        "training": [_finding(impact, one) for one in impact.training],
        "losses": [_finding(impact, one) for one in impact.losses],
        "tokenizers": [_finding(impact, one) for one in impact.tokenizers],
        "classifiers": [_finding(impact, one) for one in impact.classifiers],
        "metrics": {
            "counts": dict(impact.counts),
            "all": [
                {"name": one.name, "value": one.row.value, "how": one.how, "stages": one.stages}
                for one in impact.metrics
            ],
        },
        "inheriting": [one.label for one in impact.inheriting],
        "reports": [
            {"artifact": one.label, "reviews": [node.text for node in impact.reviews[one.label]]}
            for one in impact.reports
        ],
        "plan": [asdict(one) for one in impact.plan],
        "unsearched": impact.unsearched,
        "seconds": impact.seconds,
        "steps": list_instructions(impact),
    }


def _finding(impact: Impact, found: Any) -> dict[str, Any]:
    """A finding's fields, its artifact as a label."""
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    artifact = next(value for value in values.values() if isinstance(value, Artifact))
    rest = {name: value for name, value in values.items() if value is not artifact}
    return {"artifact": artifact.label, "in_report": artifact.label in impact.behind, **rest}
