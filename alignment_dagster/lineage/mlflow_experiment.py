"""What MLflow shows of a study's experiment: its description, and the view that compares recipes.

Imports no MLflow. The view is what MLflow's own "Save as new view" writes: a filter, a grouping
and charts, kept in a tag of the experiment.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from alignment_dagster import chain
from alignment_dagster.foundation import page_links
from alignment_dagster.foundation.page_links import RECIPES_TAG
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage.mlflow_tags import ASSET, NOTE, RECIPE, SEED
from alignment_dagster.study import Study, Suite

EVALUATIONS = f"tags.`{ASSET}` = '{chain.EVALUATION}'"
MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "[": "\\["})
"""MLflow shows a description as Markdown."""
LONGEST_TAG = 5000
"""Characters of an experiment's tag in MLflow."""
CHART_HEIGHT = 280
"""Pixels, for the bars of some recipes."""
UNDATED = 0
"""Milliseconds since 1970: a declared view has no time at which somebody saved it."""


def experiment_tags(study: Study) -> dict[str, str]:
    """The tags of the study's experiment."""
    description = visible(study.declaration.description).translate(MARKDOWN)
    suites, stages = study.asked_suites, ("base", *study.declaration.post_training.stages)
    while len(view := _saved_view(suites, stages)) > LONGEST_TAG:
        suites = suites[:-1]  # of very many, the last have no charts
    lineage = page_links.dagster_lineage(study.name, chain.GROUPS)
    pages = f"[audit]({page_links.audit_study(study.name)}) · [lineage in Dagster]({lineage})"
    description = description[: LONGEST_TAG - len(pages) - 2]
    return {NOTE: f"{description}\n\n{pages}", RECIPES_TAG: view}


def _saved_view(suites: Sequence[Suite], stages: Sequence[str]) -> str:
    state = zlib.compress(json.dumps(_state(suites, stages), separators=(",", ":")).encode())
    view = {
        "name": "Recipes compared",
        "createdAt": UNDATED,
        "updatedAt": UNDATED,
        "state": f"deflate;{base64.b64encode(state).decode()}",
    }
    return json.dumps(view)


def _first_prompt(suite: Suite) -> str:
    """Without a system prompt, where it is asked so."""
    prompts = suite.system_prompts
    return "none" if "none" in prompts else prompts[0]


def _state(suites: Sequence[Suite], stages: Sequence[str]) -> Mapping[str, Any]:
    """The evaluations by recipe, averaged over seeds: a section a suite, a bar chart a stage."""
    return {
        "searchFilter": EVALUATIONS,
        "orderByKey": f"tags.`{RECIPE}`",
        "orderByAsc": True,
        "selectedColumns": [f"tags.`{RECIPE}`", f"tags.`{SEED}`"],
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": RECIPE}],
        },
        "isAccordionReordered": True,
        "compareRunSections": [
            {
                "uuid": suite.name,
                "name": f"{suite.name}: {suite.metric.replace('_', ' ')}",
                "display": True,
                "columns": 1,  # a chart's name is cut where it has less than the whole width
                "cardHeight": CHART_HEIGHT,
                "isReordered": False,
                "deleted": False,
                "isGenerated": False,
            }
            for suite in suites
        ],
        "compareRunCharts": [
            {
                "uuid": f"{suite.name}-{stage}",
                "type": "BAR",
                "metricSectionId": suite.name,
                "metricKey": f"{suite.metric}/{suite.name}/{stage}/{_first_prompt(suite)}",
                "displayName": stage,
                "runsCountToCompare": 10,
                "deleted": False,
                "isGenerated": False,
            }
            for suite in suites
            for stage in stages
        ],
    }
