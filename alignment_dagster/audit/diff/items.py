"""Items that were added to, taken out of, or changed in a suite, word for word."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import duckdb

from alignment_dagster.audit.ledgers import fetch_rows

ONLY = """
select suite, item_id, scenario_id, topic, question, options, target, line from {one}.questions
where (suite, item_id) not in (select (suite, item_id) from {other}.questions)
order by suite, line, item_id
"""
REGROUPED = """
select suite, item_id, old.scenario_id as scenario_was, new.scenario_id as scenario_now,
    old.topic as topic_was, new.topic as topic_now, new.question as question, new.line as line
from before.questions as old join after.questions as new using (suite, item_id)
where old.scenario_id <> new.scenario_id or old.topic is distinct from new.topic
order by suite, new.line, item_id
"""


@dataclass(frozen=True)
class ItemChange:
    """One item that is not the same on both sides."""

    suite: str
    what: Literal["added", "removed", "changed", "regrouped"]
    """Changed: another item stands in its line. Regrouped: its scenario or topic is another."""
    line: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def question(self) -> str:
        """What it asks, on the later side that has it."""
        return str((self.after or self.before or {})["question"])


def find_item_changes(connection: duckdb.DuckDBPyConnection) -> list[ItemChange]:
    """Every item that differs, by suite and line. An item's id is the digest of its content."""
    old = fetch_rows(connection, ONLY.format(one="before", other="after"))
    new = fetch_rows(connection, ONLY.format(one="after", other="before"))
    changes = [*_find_edited(old, new), *_find_regrouped(fetch_rows(connection, REGROUPED))]
    return sorted(changes, key=lambda one: (one.suite, one.line, one.what))


def _find_edited(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[ItemChange]:
    there, came = ({(row["suite"], row["line"]): row for row in side} for side in (old, new))
    for at in dict.fromkeys([*there, *came]):
        was, now = there.get(at), came.get(at)
        what: Literal["added", "removed", "changed"] = "changed" if was and now else "added"
        yield ItemChange(at[0], what if now else "removed", at[1], was, now)


def _find_regrouped(found: list[dict[str, Any]]) -> Iterator[ItemChange]:
    for row in found:
        was, now = (
            {"item_id": row["item_id"], "question": row["question"],
             "scenario_id": row[f"scenario_{side}"], "topic": row[f"topic_{side}"]}
            for side in ("was", "now")
        )  # fmt: skip
        yield ItemChange(row["suite"], "regrouped", row["line"], was, now)
