"""Whether documents may be written on what a source starts from: evaluation must not be taught."""

from collections.abc import Iterator

from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.yaml_models import FieldPath, read_yaml
from alignment_dagster.scoring.contamination import ItemIndex
from alignment_dagster.study import Study
from alignment_dagster.study.suites import UNCOVERED
from alignment_dagster.synthesis.plan import Plan
from alignment_dagster.synthesis.scenarios import Scenario, start_file


def refuse_uncovered(plan: Plan) -> None:
    """Refuse scenarios that belong to the uncovered part of a suite: by topic, or word for word.

    Raises:
        DeclarationError: names file, line and field of the first.
    """
    if plan.reader.suite is not None or plan.reader.rewrites is not None:
        return
    items = tuple(_uncovered_items(plan.study))
    if not items:
        return
    located = read_yaml(start_file(plan.reader, plan.study.assets))
    field = "scenarios" if plan.reader.scenarios is not None else "principles"
    names = [one["name"] for one in located.data[field]]
    index, topics = ItemIndex(items), {item.topic: item for item in items}
    for scenario in plan.scenarios():
        at: FieldPath = (field, names.index(scenario.name))
        if found := topics.get(scenario.name):
            raise located.error(
                (*at, "name"), f"{scenario.name!r} is a topic of {_said(found)}: choose another"
            )
        for text in _texts(scenario):
            if found_id := index.first_found(text):
                item = next(one for one in items if one.item_id == found_id)
                raise located.error(at, f"holds the item at {item.place}, of {_said(item)}")


def _uncovered_items(study: Study) -> Iterator[Item]:
    for suite in study.suites:
        if suite.split == UNCOVERED:
            yield from load_suite(suite, study.assets)


def _texts(scenario: Scenario) -> Iterator[str]:
    yield scenario.principle
    yield from scenario.situations
    yield from scenario.aligned
    yield from scenario.misaligned


def _said(item: Item) -> str:
    return f"the suite {item.suite!r}, on which no document may be written (split: {UNCOVERED})"
