"""Everything that Dagster knows of some studies, as lines of text."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from alignment_dagster.definitions import definitions_of
from alignment_dagster.foundation.home import HOME_VARIABLE
from alignment_dagster.preflight.studies import load_studies
from alignment_dagster.study import Study
from tests.support.checkout import CHECKOUT

COMMAND = "python -m tests.defs.graph_text"
SNAPSHOT = Path(__file__).with_name("graph.txt")


def graph_text(studies: Sequence[Study]) -> str:
    """Assets by their keys with all that is declared of them, then what starts runs."""
    definitions = definitions_of(studies)
    return "\n".join((*_assets(definitions, studies), *_automation(definitions), ""))


def _assets(definitions: dg.Definitions, studies: Sequence[Study]) -> Iterator[str]:
    declared = {study.name: study for study in studies}
    graph: Any = definitions.resolve_asset_graph()
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        yield key.to_user_string()
        if not node.is_materializable:
            yield "  external"
            continue
        yield f"  group: {node.group_name}"
        yield f"  kinds: {', '.join(sorted(node.kinds))}"
        yield f"  partitions: {_partitions(node.partitions_def, declared[key.path[0]])}"
        condition = node.automation_condition
        if condition is not None:
            yield f"  automation: {condition.get_label()}"
        for parent in sorted(node.parent_keys):
            yield f"  parent {parent.path[-1]}{_mapping(node, parent)}"
        for check in sorted(node.check_keys, key=lambda check: check.name):
            blocks = "blocks" if graph.get_check_spec(check).blocking else "reports"
            yield f"  check {check.name} ({blocks})"


def _partitions(found: Any, study: Study) -> str:
    """By what, not which: sources and recipes come and go."""
    if found is None:
        return "none"
    if isinstance(found, dg.MultiPartitionsDefinition):
        return " and ".join(one.name for one in found.partitions_defs)
    kinds = {
        "source": study.sources,
        "classifier": study.classifiers,
        "recipe": study.recipes,
    }
    return next(
        (
            kind
            for kind, declared in kinds.items()
            if found.get_partition_keys() == [one.name for one in declared]
        ),
        "others",
    )


def _mapping(node: Any, parent: dg.AssetKey) -> str:
    mapping = node.partition_mappings.get(parent)
    if mapping is None:
        return ""
    fields = getattr(mapping, "partition_dimension_name", None)
    return f" by {type(mapping).__name__}" + (f"({fields})" if fields else "")


def _automation(definitions: dg.Definitions) -> Iterator[str]:
    for job in sorted(definitions.jobs or (), key=lambda one: one.name):
        yield f"job {job.name}"
    for schedule in sorted(definitions.schedules or (), key=lambda one: one.name):
        yield f"schedule {schedule.name} ({schedule.cron_schedule}) starts {schedule.job_name}"
    for sensor in sorted(definitions.sensors or (), key=lambda one: one.name):
        yield f"sensor {sensor.name} ({type(sensor).__name__})"


def main() -> None:
    """Write the snapshot anew."""
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as environment:
        environment.setenv(HOME_VARIABLE, home)
        SNAPSHOT.write_text(graph_text(load_studies(CHECKOUT / "assets")), encoding="utf-8")


if __name__ == "__main__":
    main()
