"""Addresses of the pages on which a run, an asset or an artifact can be seen.

All are served by `alignment ui` on the loopback interface. `ALIGNMENT_UI_PORT` names the first of
three ports in a row, for a second one beside it; set it for all that shares a home.
"""

import os
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from alignment_dagster.foundation.errors import AlignmentError

HOST = "127.0.0.1"
HOST_URL = f"http://{HOST}:"
"""What every address here begins with."""
PORT_VARIABLE = "ALIGNMENT_UI_PORT"
LOWEST, HIGHEST = 1024, 65533

LOCATION = "alignment"
"""The name of the code location in Dagster, as in `workspace.yaml`."""
REPOSITORY = "__repository__"
"""What Dagster calls the definitions of a code location that names none."""
RECIPES_VIEW = "recipes"
"""The key of the view in which MLflow compares a study's recipes."""
RECIPES_TAG = f"mlflow.sharedViewState.{RECIPES_VIEW}"
"""Where MLflow keeps that view: a tag of the experiment."""
GLOSSARY = "-/glossary"
"""The address of the words; no study is called so."""
TRAINING_PAGES = "workflowType=machine_learning"
"""MLflow has other pages for language model applications."""


def ports() -> tuple[int, int, int]:
    """The ports of Dagster, MLflow and the audit.

    Raises:
        AlignmentError: if `ALIGNMENT_UI_PORT` is set to something else than a usable port.
    """
    first = os.environ.get(PORT_VARIABLE)
    if not first:
        return 3000, 5000, 5001
    if not (first.isascii() and first.isdigit() and LOWEST <= int(first) <= HIGHEST):
        message = f"must be a port from {LOWEST} to {HIGHEST} (got {first!r})"
        raise AlignmentError(f"{PORT_VARIABLE}: {message}")
    return int(first), int(first) + 1, int(first) + 2


DAGSTER_PORT, MLFLOW_PORT, AUDIT_PORT = ports()
DAGSTER = f"http://{HOST}:{DAGSTER_PORT}"
MLFLOW = f"http://{HOST}:{MLFLOW_PORT}"
AUDIT = f"http://{HOST}:{AUDIT_PORT}"


def dagster_run(run_id: str) -> str:
    """Dagster's page of a run."""
    return f"{DAGSTER}/runs/{quote(run_id)}"


def dagster_asset(study: str, asset: str, partition: str | None) -> str:
    """Dagster's page of an asset, at one partition.

    Without the view, Dagster shows whichever partition was materialized last.
    """
    at = f"?view=partitions&partition={quote(partition, safe='')}" if partition else ""
    return f"{DAGSTER}/assets/{quote(study, safe='')}/{quote(asset, safe='')}{at}"


def dagster_lineage(study: str, groups: Sequence[str]) -> str:
    """Dagster's lineage of a study alone, with its groups open: what is made is green.

    Args:
        groups: those of the chain.
    """
    selection = quote(f'tag:"study"="{study}"', safe="")
    opened = quote(",".join(f"global@global:{study}_{group}" for group in groups), safe="")
    return f"{DAGSTER}/asset-groups~{selection}?expanded={opened}"


def mlflow_run(run_id: str, experiment_id: str | None = None) -> str:
    """MLflow's page of a run.

    Without the experiment, MLflow shows it among the pages that were looked at before, at first
    those of language model applications.
    """
    if experiment_id is None:
        return f"{MLFLOW}/#/runs/{quote(run_id)}"
    return f"{MLFLOW}/#/experiments/{quote(experiment_id)}/runs/{quote(run_id)}?{TRAINING_PAGES}"


def mlflow_recipes(experiment_id: str) -> str:
    """MLflow's charts of a study's evaluations, by recipe; the view is kept at the experiment."""
    view = f"viewStateShareKey={RECIPES_VIEW}&compareRunsMode=CHART"
    return f"{MLFLOW}/#/experiments/{quote(experiment_id)}/runs?{view}&{TRAINING_PAGES}"


def audit_glossary() -> str:
    """The audit page that says what the words mean."""
    return f"{AUDIT}/{GLOSSARY}"


def audit_study(study: str) -> str:
    """The audit page of a study: its reports, and what is current."""
    return f"{AUDIT}/{quote(study, safe='')}"


def audit_trace(study: str, report: str, name: str) -> str:
    """The page of what stands behind a number of a report, by the number's name."""
    address = audit_page(study, "eval_report", None, report)
    return f"{address}/trace?metric={quote(name, safe='')}"


def audit_answers(study: str, report: str, filters: Mapping[str, str]) -> str:
    """The page of the answers behind a report that fit filters: `suite`, `stage`, …"""
    address = f"{audit_page(study, 'eval_report', None, report)}/answers"
    return f"{address}?{urlencode(filters)}" if filters else address


def audit_corpus(study: str, asked: Mapping[str, str] | None = None) -> str:
    """The page of a study's documents that fit filters: `recipe`, `source`, `rule`, …"""
    address = f"{audit_study(study)}/corpus"
    return f"{address}?{urlencode(asked)}" if asked else address


def audit_document(study: str, document: str) -> str:
    """The page of the whole story of one document."""
    return f"{audit_study(study)}/corpus/why?document={quote(document, safe='')}"


def audit_page(study: str, asset: str, partition: str | None, version: str) -> str:
    """The audit page of an artifact: what it was made from, and what was made from it."""
    place = (partition or "all").replace("|", ".")
    parts = (quote(part, safe="") for part in (study, asset, place, version))
    return "/".join((AUDIT, *parts))
