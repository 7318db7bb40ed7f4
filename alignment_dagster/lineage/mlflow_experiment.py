"""What MLflow shows of a study's experiment: its description, and the view that compares recipes.

Imports no MLflow. The view is what MLflow's own "Save as new view" writes: a filter, a grouping
and charts, kept in a tag of the experiment.
"""

import json
from collections.abc import Mapping
from typing import Any

from alignment_dagster import chain
from alignment_dagster.foundation.page_links import RECIPES_TAG
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage.mlflow_tags import ASSET, NOTE, RECIPE, SEED
from alignment_dagster.study import Study, Suite

EVALUATIONS = f"tags.`{ASSET}` = '{chain.EVALUATION}'"
STAGES = ("base", "sft", "dpo")
MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "[": "\\["})
"""MLflow shows a description as Markdown."""
UNDATED = 0
"""Milliseconds since 1970: a declared view has no time at which somebody saved it."""


def experiment_tags(study: Study) -> dict[str, str]:
    """The tags of the study's experiment."""
    view = {
        "name": "Recipes compared",
        "createdAt": UNDATED,
        "updatedAt": UNDATED,
        "state": json.dumps(_view(study)),
    }
    description = visible(study.declaration.description).translate(MARKDOWN)
    return {NOTE: description, RECIPES_TAG: json.dumps(view)}


def _first_prompt(suite: Suite) -> str:
    """Without a system prompt, where it is asked so."""
    prompts = suite.system_prompts
    return "none" if "none" in prompts else prompts[0]


def _view(study: Study) -> Mapping[str, Any]:
    """The evaluations by recipe, averaged over seeds: a section a suite, a bar chart a stage."""
    suites = study.asked_suites
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
            for stage in STAGES
        ],
    }
