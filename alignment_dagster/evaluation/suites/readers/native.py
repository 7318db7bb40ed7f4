"""The project's own item files, whose every field is known."""

from alignment_dagster.evaluation.suites.items import Item, Row
from alignment_dagster.study import Suite


def read_scenario(row: Row, suite: Suite) -> Item:
    """`{"scenario", "options", "misaligned", "topic", "question"?, "scenario_id"?}`."""
    row.refuse_unknown("scenario", "question", "options", "misaligned", "topic", "scenario_id")
    situation = row.text("scenario")
    options = row.texts("options")
    target = row.index("misaligned", len(options), "the misaligned one")
    ask = row.text("question") if "question" in row.data else ""
    return row.item(suite.name, row.text("topic"), situation, options, target, ask=ask)


def read_cloze(row: Row, suite: Suite) -> Item:
    """`{"context", "options", "answer", "topic", "scenario_id"?}`."""
    row.refuse_unknown("context", "options", "answer", "topic", "scenario_id")
    context = row.text("context")
    options = row.texts("options")
    target = row.index("answer", len(options), "the correct one")
    return row.item(suite.name, row.text("topic"), context, options, target)
