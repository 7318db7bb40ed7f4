"""A small lake with a corpus that was decided by two recipes, made without running a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from alignment_dagster.corpus.documents import DOCUMENTS, METADATA, QUARANTINE, REPEATS
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact, Lake
from tests.support import record_lake
from tests.support.record_lake import STUDY, parquet

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e'); drop table documents; -- the end"
TEXTS = {
    "stories": ["Ann baked bread at the mill.", HOSTILE, "Too short", "A robot, robots, AI, AGI."],
    "web": ["Ann baked bread at the mill.", "Ann baked some bread at the mill.", "Ein Roboter."],
}
GROUPS = {"stories": "natural", "web": "web"}
MATCHES = {"stories": [0, 1, 0, 4], "web": [0, 0, 5]}
ITEM = "e" * 64
CASCADE = {
    "rule": "discourse",
    "all": [
        {"scorer": "ai_discourse", "column": "matches", "above": 2.0},
        {"none": [{"scorer": "metadata", "column": "language", "one_of": ["de"]}]},
    ],
}
DECLARED = {
    "sources": [{"name": name, "group": group} for name, group in GROUPS.items()],
    "drop": [{"rule": "too_short", "scorer": "text_stats", "column": "words", "below": 3.0}],
    "recipes": [
        {"name": "plain", "remainder": "natural", "drop": []},
        {"name": "strict", "remainder": "natural", "drop": [CASCADE]},
    ],
}
PLAIN: Mapping[tuple[str, int], tuple[str, float | None, str | None]] = {
    ("stories", 2): ("too_short", 2.0, None),
    ("web", 0): ("exact_duplicate", None, f"{0:064x}"),
    ("web", 1): ("near_duplicate", 0.875, f"{0:064x}"),
    ("stories", 1): ("evaluation_item", None, ITEM),
    ("web", 2): ("too_short", 2.0, None),
}
STRICT = {**PLAIN, ("stories", 3): ("discourse", 4.0, None)}


def document_id(source: str, number: int) -> str:
    return f"{number + (0 if source == 'stories' else 256):064x}"


def make(folder: Path) -> tuple[Home, Archive]:
    """A home whose lake holds the study, decided once with `PLAIN` for both, then as it is."""
    lake = record_lake.make(folder)
    raw = [_raw(lake, source) for source in TEXTS]
    scored = [_scored(lake, one) for one in raw]
    earlier = {**DECLARED, "recipes": [{**one, "drop": []} for one in DECLARED["recipes"]]}
    _decide(lake, [*raw, *scored], earlier, {"plain": PLAIN, "strict": PLAIN})
    _decide(lake, [*raw, *scored], DECLARED, {"plain": PLAIN, "strict": STRICT})
    return Home(folder / "home"), Archive(lake, STUDY)


def _raw(lake: Lake, source: str) -> Artifact:
    rows = [
        {
            "document_id": document_id(source, number), "source": source, "position": number,
            "path": f"{source}.jsonl", "line": number + 1, "external_id": None,
            "characters": len(text), "text": text, "payload": None,
        }
        for number, text in enumerate(TEXTS[source])
    ]  # fmt: skip
    again = [{"document_id": document_id(source, 0), "path": f"{source}.jsonl", "line": 90}]
    refused = [
        {"path": "web.jsonl", "line": 77, "reason": "text: is no text\x1b[31m", "sha256": "a" * 64}
    ]
    language = [
        {"document_id": row["document_id"], "column": "language", "number": None, "text": "en"}
        for row in rows
    ]
    language[-1]["text"] = "de" if source == "web" else "en"
    age = [{"document_id": row["document_id"], "column": "age", "number": 3.0} for row in rows[:2]]
    tables = {
        "documents": pa.Table.from_pylist(rows, schema=DOCUMENTS),
        "repeats": pa.Table.from_pylist(again, schema=REPEATS),
        "quarantine": pa.Table.from_pylist(refused if source == "web" else [], schema=QUARANTINE),
        "metadata": pa.Table.from_pylist([*language, *age], schema=METADATA),
    }
    declared = {"name": source, "group": GROUPS[source], "max_quarantined_share": 0.1}
    files = {f"{name}/00000.parquet": parquet(table) for name, table in tables.items()}
    return record_lake.publish(lake, "raw_corpus", source, files, declared=declared)


def _scored(lake: Lake, raw: Artifact) -> Artifact:
    source = raw.partition or ""
    ids = [document_id(source, number) for number in range(len(TEXTS[source]))]
    scores = {
        "text_stats": {"words": [len(text.split()) for text in TEXTS[source]]},
        "ai_discourse": {
            "matches": MATCHES[source],
            "first_term": ["x\x1b[2J"] * len(ids),
            "spans": [[{"start": 0, "end": 2}]] * len(ids),
        },
    }
    files = {
        f"{scorer}/00000.parquet": parquet(pa.table({"document_id": ids, **columns}))
        for scorer, columns in scores.items()
    }
    return record_lake.publish(lake, "scored_corpus", source, files, [raw])


def _decide(
    lake: Lake, parents: Sequence[Artifact], declared: Mapping[str, Any],
    dropped: Mapping[str, Mapping[tuple[str, int], tuple[str, float | None, str | None]]],
) -> Artifact:  # fmt: skip
    files = {
        f"{recipe}/pretraining.parquet": parquet(_decisions(recipe, rows))
        for recipe, rows in dropped.items()
    }
    return record_lake.publish(lake, "dispositions", None, files, parents, declared=declared)


def _decisions(
    recipe: str, dropped: Mapping[tuple[str, int], tuple[str, float | None, str | None]]
) -> pa.Table:
    rows = []
    for source, texts in TEXTS.items():
        for number, text in enumerate(texts):
            rule, value, cause = dropped.get((source, number), (None, None, None))
            rows.append(
                {
                    "document_id": document_id(source, number), "source": source,
                    "group": GROUPS[source], "recipe": recipe, "use": "pretraining",
                    "state": "kept" if rule is None else "dropped", "rule": rule, "value": value,
                    "cause": cause, "weight": float(rule is None), "characters": len(text),
                }
            )  # fmt: skip
    text, number = pa.string(), pa.float64()
    kinds = {"value": number, "weight": number, "characters": pa.int64()}
    return pa.Table.from_pylist(
        rows, schema=pa.schema([(name, kinds.get(name, text)) for name in rows[0]])
    )
