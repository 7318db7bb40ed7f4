"""The tables below the tree of a trace."""

from alignment_dagster.audit.answer import Table
from alignment_dagster.audit.trace.as_json import list_influences
from alignment_dagster.audit.trace.metric_trace import Trace


def influence_table(trace: Trace) -> Table:
    """Everything that could have had a part in the number, by use and source."""
    lines = list_influences(trace)
    return Table(
        "documents that could have influenced it",
        ["use", "source", "group", "documents", "times read", "tokens"],
        [
            [one[key] for key in ("use", "source", "group", "documents", "times", "tokens")]
            for one in lines
        ],
    )


def decision_table(trace: Trace) -> Table:
    """What the recipe kept and dropped, by source and rule."""
    return Table(
        f"what recipe {trace.chain.row.recipe} decided of the corpus",
        ["source", "group", "state", "rule", "documents", "weight"],
        [
            [row[key] for key in ("source", "group", "state", "rule", "documents", "weight")]
            for row in trace.decisions
        ],
    )
