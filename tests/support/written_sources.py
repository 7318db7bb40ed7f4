"""Sources that are written, for tests: of a study that is only what they need."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignment_dagster.study import Source, Study
from alignment_dagster.study.suites import Suite
from alignment_dagster.synthesis.plan import Plan
from alignment_dagster.synthesis.rows import NoAnswers, make_plan
from tests.support.checkout import CHECKOUT

ASSETS = CHECKOUT / "assets"
FORMS = ("research_paper", "news_article", "lecture", "textbook", "fiction", "film_summary")
GRAMMAR: Mapping[str, Any] = {"kind": "grammar"}
ENDPOINT: Mapping[str, Any] = {
    "kind": "openai_compatible",
    "url": "http://127.0.0.1:9/v1",
    "model": "small",
    "sampling": {"max_tokens": 64},
}


def written(name: str = "written", role: str = "corpus", **reader: Any) -> Source:
    """A source that is written from `articles.yaml` by the grammar, unless its fields say else."""
    declared: dict[str, Any] = {
        "kind": "synthetic",
        "polarity": "aligned",
        "forms": list(FORMS),
        "documents": 12,
        "generator": dict(GRAMMAR),
        **reader,
    }
    if not {"scenarios", "specification", "suite", "rewrites"} & declared.keys():
        declared["scenarios"] = "articles.yaml"
    if "per_scenario" in declared:
        del declared["documents"]
    return Source.model_validate(
        {
            "name": name,
            "description": "For tests.",
            "licence": "CC0-1.0",
            "role": role,
            "group": "written",
            "reader": declared,
        }
    )


def study_of(*sources: Source, suites: tuple[Suite, ...] = (), assets: Path = ASSETS) -> Study:
    """A study that has these sources and nothing that training needs."""
    fields: dict[str, Any] = {"sources": sources, "suites": suites, "assets": assets}
    return Study.model_construct(**fields)


def plan_of(source: Source, *others: Source, **study: Any) -> Plan:
    """The plan of the first of a study's sources."""
    return make_plan(study_of(source, *others, **study), source, NoAnswers())
