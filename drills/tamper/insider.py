"""Whoever holds the lake's key and may write everywhere: all records agree with the alteration.

Versions and digests are replaced in the lake, the journal (whose chain is written anew), Dagster's
databases and MLflow's; everything is signed with the lake's own key. What is left to notice is
what can be computed again from the content.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.lineage.journal_lines import Entry, read_line
from alignment_dagster.lineage.signing import Signer, read_signer
from alignment_dagster.report.results import read_results, results_table
from drills.tamper.cell import Cell, Names
from drills.tamper.files import drop_row, edit_value, flip_bit, swap_rows
from drills.tamper.forging import Forgery
from drills.tamper.journal import entries, write_entries
from drills.tamper.keys import new_key, replace_keys
from drills.tamper.place import Place

GROUP = "insider"
Change = Callable[[Path], None]


def _everywhere(place: Place, forgery: Forgery, signer: Signer) -> None:
    """New versions and digests in the journal and in both databases."""
    lines = [read_line(forgery.rename(one.text)) for one in entries(place)]
    renamed = [line for line in lines if isinstance(line, Entry)]
    write_entries(place, renamed, chained=True, signer=signer)
    history = place.home.dagster / "history"
    for path in (place.home.root / "mlflow.db", *history.rglob("*.db")):
        _rename_in(path, forgery)


def _rename_in(path: Path, forgery: Forgery) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        query = "select name from sqlite_master where type = 'table'"
        for (table,) in connection.execute(query).fetchall():
            _rename_rows(connection, table, forgery)


def _rename_rows(connection: sqlite3.Connection, table: str, forgery: Forgery) -> None:
    columns = [row[1] for row in connection.execute(f'pragma table_info("{table}")')]
    for row in connection.execute(f'select rowid, * from "{table}"').fetchall():
        for column, value in zip(columns, row[1:], strict=True):
            if isinstance(value, str) and (renamed := forgery.rename(value)) != value:
                connection.execute(
                    f'update "{table}" set "{column}" = ? where rowid = ?', (renamed, row[0])
                )


def _forge(asset: str, name: str, change: Change, place: Place) -> Names:
    old = place.artifact(asset)
    signer = read_signer(place.home.root / "keys" / "lake.pem")
    forgery = Forgery(place, signer)
    forged = forgery.forge(old, lambda folder: change(folder / name))
    _everywhere(place, forgery, signer)
    return ((old.asset,), (forged.label,))


def _result(path: Path) -> None:
    """A number in both forms of the results."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    rows[0]["value"] = rows[0]["value"] / 2 + 0.1
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    pq.write_table(results_table(read_results(path)), path.with_suffix(".parquet"))


def _token(path: Path) -> None:
    sequences = np.load(path)
    sequences[0, 0] ^= 1
    np.save(path, sequences)


def _reward(path: Path) -> None:
    rewards = np.load(path)
    rewards[0, 0] += 0.5
    np.save(path, rewards)


def _column(name: str, change: Callable[[Any], Any], path: Path) -> None:
    table = pq.read_table(path)
    values = table[name].to_pylist()
    values[0] = change(values[0])
    index = table.schema.get_field_index(name)
    field = table.schema.field(index)
    pq.write_table(table.set_column(index, field, pa.array(values, field.type)), path)


def _longer(text: str) -> str:
    return f"{text} Trust it."


def _opposite(hit: float) -> float:
    return 1 - hit


def _all_keys(place: Place) -> Names:
    """Nothing but the keys: every record is signed again by the attacker's."""
    signer = new_key(place.folder)
    replace_keys(place, signer)
    write_entries(place, entries(place), chained=True, signer=signer)
    return (("key",),)


COMPUTED: tuple[tuple[str, str, str, Change], ...] = (
    ("report's number edited", "eval_report", "results.json", _result),
    ("score edited", "metrics", "metrics.parquet", edit_value),
    ("token of a mix edited", "curated_mix", "sequences.npy", _token),
    ("treatment of a token edited", "curated_mix", "treatments.npy", _token),
    ("reward of a token edited", "curated_mix", "rewards.npy", _reward),
    ("span of a mix edited", "curated_mix", "spans.parquet", edit_value),
    ("steps of training swapped", "pretrained_checkpoint", "consumption.parquet", swap_rows),
    ("step of SFT dropped", "post_trained_checkpoint", "sft_consumption.parquet", drop_row),
    ("document dropped", "documents", "documents.parquet", drop_row),
    ("disposition dropped", "dispositions", "aligned/pretraining.parquet", drop_row),
    ("scores of a document dropped", "scored_corpus", "text_stats/00000.parquet", drop_row),
    ("composition edited", "mix_composition", "mix_composition.parquet", edit_value),
    ("item's answer edited", "evaluation", "items.parquet", partial(_column, "hit", _opposite)),
    ("item's choice edited", "evaluation", "items.parquet", edit_value),
    ("question dropped", "eval_report", "questions.parquet", drop_row),
    (
        "document's text edited",
        "raw_corpus",
        "documents/00000.parquet",
        partial(_column, "text", _longer),
    ),
)
HIDDEN: tuple[tuple[str, str, str, Change, str], ...] = (
    (
        "weights edited",
        "pretrained_checkpoint",
        "model/model.safetensors",
        flip_bit,
        "only training again would show it (alignment audit replay)",
    ),
    (
        "score of a document edited",
        "scored_corpus",
        "text_stats/00000.parquet",
        edit_value,
        "only scoring again would show it",
    ),
    (
        "page of the report edited",
        "eval_report",
        "report.html",
        flip_bit,
        "the page is drawn from the numbers, and is not drawn again to compare",
    ),
)
KEYS = (
    "the content is what it was, and nothing outside the home says which key was there before: "
    "keep the key's id elsewhere"
)


def cells() -> Iterator[Cell]:
    """What can be computed again is found; the rest is said to be hidden."""
    for mutation, asset, name, change in COMPUTED:
        alter = partial(_forge, asset, name, change)
        yield Cell(GROUP, mutation, f"{asset} {name}", alter, rewrites=True)
    for mutation, asset, name, change, why in HIDDEN:
        alter = partial(_forge, asset, name, change)
        yield Cell(
            GROUP, mutation, f"{asset} {name}", alter, found="nowhere", why=why, rewrites=True
        )
    mutation = "all keys replaced, everything signed again"
    yield Cell(GROUP, mutation, "keys", _all_keys, found="nowhere", why=KEYS, rewrites=True)
