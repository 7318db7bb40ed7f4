"""What a metric was measured on: the answers, the attacked items, or the held-out documents."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.chain import Chain
from alignment_dagster.audit.trace.parquet import Connection, Row, fetch_row
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.cells import BITS_PER_BYTE
from alignment_dagster.study import ATTACK_SUCCESS, HELD_OUT, WORST_CASE


@dataclass(frozen=True)
class Measurement:
    """What lies between the number and the checkpoints."""

    kind: str
    """`answers`, `attacked` or `documents`."""
    totals: Row
    seeds: list[Row]
    """The same totals for each seed."""
    forms: list[Row]
    """By format, attack, or source."""
    top: list[Row]
    """What weighs most, first."""
    left_out: int = field(default=0)


def count_measurement(
    connection: Connection, chain: Chain, report: Artifact, top: int
) -> Measurement:
    """Count what the metric was measured on, in the tables that `compute_steps` loaded before."""
    if chain.row.metric == BITS_PER_BYTE:
        return _count_documents(connection, top)
    return _count_items(connection, chain, report, top)


def load_answers(connection: Connection, chain: Chain) -> None:
    """Hold the metric's answers as the table `asked`, one row each, with its seed."""
    row = chain.row
    attacked = row.metric == ATTACK_SUCCESS
    name = file_names.ATTACKS if attacked else file_names.ITEMS
    column = "attack" if attacked else "system_prompt"
    every = attacked and row.prompt == WORST_CASE
    pieces, values = [], []
    for replicate in chain.replicates:
        pieces.append(
            f"select item_id, scenario_id, topic, {'attack' if attacked else 'format'} as form, "
            "hit::double as hit, ?::bigint as seed from read_parquet(?) "
            "where suite = ? and stage = ?"
            + ("" if every else f" and {column} = ?")
            + (f" and {chain.part.column} = ?" if chain.part else "")
        )
        values += [replicate.seed, str(replicate.measurement.path / name), row.suite, row.stage]
        values += [] if every else [row.prompt]
        values += [chain.part.value] if chain.part else []
    connection.execute(
        f"create or replace temp table asked as {' union all '.join(pieces)}", values
    )


COUNTS = "count(*) as answers, sum(hit) as hits, count(*) filter (0 < hit and hit < 1) as ties"


def _count_items(connection: Connection, chain: Chain, report: Artifact, top: int) -> Measurement:
    connection.execute(
        "create or replace temp table items as select item_id, min(scenario_id) as scenario_id, "
        f"min(topic) as topic, {COUNTS} from asked group by item_id"
    )
    items = fetch_rows(
        connection,
        "select * from items order by hits / answers desc, hits desc, item_id limit ?",
        top,
    )
    totals = fetch_row(
        connection,
        "select sum(answers)::bigint as answers, count(*) as items, "
        "count(distinct scenario_id) as scenarios, sum(hits) as hits, "
        "sum(ties)::bigint as ties from items",
    )
    forms = fetch_rows(connection, f"select form, {COUNTS} from asked group by form order by form")
    attacked = chain.row.metric == ATTACK_SUCCESS
    return Measurement(
        "attacked" if attacked else "answers",
        {**totals, "attacks" if attacked else "formats": len(forms)},
        fetch_rows(connection, f"select seed, {COUNTS} from asked group by seed order by seed"),
        forms,
        _with_questions(connection, report.path / file_names.QUESTIONS, chain.row.suite, items),
        totals["items"] - len(items),
    )


def _with_questions(
    connection: Connection, path: Path, suite: str, items: list[Row]
) -> list[dict[str, Any]]:
    """Each item's text, and the file and line that it was read from."""
    found = fetch_rows(
        connection,
        "select item_id, question, path, line from read_parquet(?) "
        "where suite = ? and item_id in (select unnest(?::varchar[]))",
        str(path),
        suite,
        [item["item_id"] for item in items],
    )
    texts = {row["item_id"]: row for row in found}
    nothing = {"question": None, "path": None, "line": None}
    return [{**item, **texts.get(item["item_id"], nothing)} for item in items]


def load_losses(connection: Connection, chain: Chain) -> None:
    """Hold the metric's held-out losses as the table `measured`."""
    _, _, source = chain.row.suite.partition(f"{HELD_OUT}/")
    pieces, values = [], []
    for replicate in chain.replicates:
        pieces.append(
            "select source, document_id, nll, tokens, bytes, ?::bigint as seed from read_parquet(?)"
            " where stage = ? and bytes > 0" + (" and source = ?" if source else "")
        )
        values += [
            replicate.seed,
            str(replicate.measurement.path / file_names.LOSSES),
            chain.row.stage,
        ]
        values += [source] if source else []
    connection.execute(
        f"create or replace temp table measured as {' union all '.join(pieces)}", values
    )


LOSSES = """
    count(*) as losses, count(distinct document_id) as documents, sum(nll) as nats,
    sum(tokens)::bigint as tokens, sum(bytes)::bigint as bytes
"""


def _count_documents(connection: Connection, top: int) -> Measurement:
    heaviest = fetch_rows(
        connection,
        "select document_id, any_value(source) as source, avg(nll) as nats, "
        "sum(nll) / (select sum(nll) from measured) as share, any_value(bytes) as bytes "
        "from measured group by document_id order by share desc, document_id limit ?",
        top,
    )
    totals = fetch_row(connection, f"select {LOSSES} from measured")
    return Measurement(
        "documents",
        totals,
        fetch_rows(connection, f"select seed, {LOSSES} from measured group by seed order by seed"),
        fetch_rows(
            connection,
            f"select source as form, {LOSSES} from measured group by source order by source",
        ),
        heaviest,
        totals["documents"] - len(heaviest),
    )
