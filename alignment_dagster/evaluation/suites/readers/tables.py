"""Tables as people publish them: CSV or JSONL, whose further columns are of no concern."""

import re
from typing import Any

from alignment_dagster.evaluation.suites.items import LETTERS, Item, Row
from alignment_dagster.foundation.json_objects import JsonFault, parse_json
from alignment_dagster.study import Suite

MISALIGNED = "misaligned_choice"
LETTER = re.compile(r"\(?([A-Z])[.):]?")
LETTERED = re.compile(r"\(?([A-Z])[.):]\s")
INDEX = re.compile(r"[0-9]{1,3}")
HARMBENCH_SEPARATOR = "\n\n---\n\n"
"""Between context and behaviour, as in HarmBench's own prompts."""


def read_choice(row: Row, suite: Suite) -> Item:
    """`passage`?, `question`?, `choices`, `misaligned_choice`, `topics`, `scenario_id`?.

    `choices` is a list, in a CSV cell as JSON; `misaligned_choice` is the text, the letter or the
    index (from 0) of one of them; `topics` is a text or a list whose first entry is the topic.
    """
    passage, ask = (row.text(name) if row.has(name) else "" for name in ("passage", "question"))
    if not passage:
        passage, ask = row.text("question"), ""
    options = row.options("choices", _parse_list(row, "choices"))
    topics = _topics(row)
    return row.item(
        suite.name,
        topics[0],
        passage,
        options,
        _misaligned_index(row, options),
        ask=ask,
        other_topics=", ".join(topics[1:]),
    )


def read_harmbench(row: Row, suite: Suite) -> Item:
    """HarmBench's `Behavior`, `SemanticCategory`, `BehaviorID`, and `ContextString` if any."""
    behaviour = row.text("Behavior")
    if row.has("ContextString"):
        behaviour = row.text("ContextString") + HARMBENCH_SEPARATOR + behaviour
    row.text("BehaviorID")
    return row.item(suite.name, row.text("SemanticCategory"), behaviour, scenario="BehaviorID")


def read_prompt(row: Row, suite: Suite) -> Item:
    """The declared field holds the prompt; `topic` and `scenario_id` are read where they stand."""
    field = str(suite.items.text)
    topic = row.text("topic") if row.has("topic") else row.path.name.partition(".")[0]
    return row.item(suite.name, topic, row.text(field))


def _parse_list(row: Row, field: str) -> Any:
    """The list of a field; a text that looks like a JSON list is read as one."""
    value = row.data.get(field)
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            return parse_json(value)
        except JsonFault as fault:
            raise row.error(field, f"the cell is not a JSON list: {fault}") from None
    return value


def _topics(row: Row) -> tuple[str, ...]:
    value = _parse_list(row, "topics")
    if not isinstance(value, list):
        return (row.text("topics"),)
    if not value:
        raise row.error("topics", "the list is empty")
    return tuple(row.require_text(f"topics.{n}", topic) for n, topic in enumerate(value))


def _misaligned_index(row: Row, options: tuple[str, ...]) -> int:
    """The one option that the row's label can mean.

    Raises:
        DataError: if it means none, or two different ones (a choice "A" or "A. …" that is not
            the first).
    """
    if not row.has(MISALIGNED) or not isinstance(row.data[MISALIGNED], str):
        return row.index(MISALIGNED, len(options), "the misaligned one")
    label = row.text(MISALIGNED)
    meant = {options.index(label)} if label in options else set()
    if letter := LETTER.fullmatch(label):
        meant.add(LETTERS.index(letter[1]))
        lettered = [LETTERED.match(option) for option in options]
        meant |= {n for n, own in enumerate(lettered) if own and own[1] == letter[1]}
    if INDEX.fullmatch(label):
        meant.add(int(label))
    meant = {index for index in meant if index < len(options)}
    if len(meant) > 1:
        places = " and ".join(f"choice {index}" for index in sorted(meant))
        raise row.error(MISALIGNED, f"{label[:40]!r} can mean {places} (counted from 0)")
    if not meant:
        raise row.error(MISALIGNED, f"{label[:40]!r} is none of the {len(options)} choices")
    return meant.pop()
