"""`alignment synthetic label --read`: how far a person, what was asked for, and scores agree."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.audit.answer import Answer, Table
from alignment_dagster.audit.corpus.current import Corpus
from alignment_dagster.audit.synthetic.label_file import LABELS, UNCLEAR, Labels
from alignment_dagster.evaluation.judges.agreement import Agreement, cohen_kappa
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.shards import scorer_tables, shard_files
from alignment_dagster.study import Study
from alignment_dagster.synthesis.coverage import WrittenDocument
from alignment_dagster.synthesis.polarity_labels import BOUND, COLUMN, expected_positive

POLARITY = "polarity"
"""A column of texts that says what a scorer takes a document for: a judge's."""


@dataclass(frozen=True)
class Compared:
    """The person's labels beside those of somebody or something else."""

    other: str
    pairs: Sequence[tuple[str, str]]
    """What the person says, and what the other says."""
    note: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        agreement = self._agreement
        low, high = agreement.interval if agreement.total else (None, None)
        return {
            "with": self.other,
            "agreed": agreement.agreed,
            "documents": agreement.total,
            "share": agreement.share if agreement.total else None,
            "ci_low": low,
            "ci_high": high,
            "kappa": cohen_kappa(self.pairs),
            "note": self.note,
        }

    @property
    def _agreement(self) -> Agreement:
        return Agreement(sum(one == other for one, other in self.pairs), len(self.pairs))


def describe_agreement(
    study: Study, corpus: Corpus, known: Mapping[str, WrittenDocument], read: Labels
) -> Answer:
    """The person's labels against the declared polarity, classifiers, and judges' columns."""
    labels = {name: label for name, label in read.labels.items() if label != UNCLEAR}
    compared = [
        Compared(
            "declared polarity", [(label, known[name].polarity) for name, label in labels.items()]
        ),
        *_classifiers(study, corpus, labels),
        *_judges(corpus, labels),
    ]
    rows = [one.plain() for one in compared]
    unclear = len(read.labels) - len(labels)
    return Answer(
        f"Labels of {study.name}",
        [
            f"{len(read.labels):,} documents are labelled, {unclear:,} of them {UNCLEAR}, which "
            f"are not compared; {read.open:,} rows are open."
        ],
        [
            Table(
                "Agreement with the person: share with Wilson's 95 % interval, and Cohen's kappa",
                ("with", "agreed", "documents", "share", "95 % interval", "kappa", "note"),
                [_cells(row) for row in rows],
            ),
            _confusion(known, read.labels),
        ],
        {
            "study": study.name,
            "labelled": len(read.labels),
            "unclear": unclear,
            "open": read.open,
            "agreement": rows,
            "documents": [
                {
                    "document_id": name,
                    "label": label,
                    "polarity": known[name].polarity,
                    "form": known[name].place.form,
                }
                for name, label in read.labels.items()
            ],
        },
    )


def _cells(row: Mapping[str, Any]) -> tuple[str | int | None, ...]:
    whole = row["documents"] > 0
    return (
        *(row["with"], row["agreed"], row["documents"]),
        f"{row['share']:.1%}" if whole else None,
        f"{row['ci_low']:.1%} to {row['ci_high']:.1%}" if whole else None,
        None if row["kappa"] is None else f"{row['kappa']:.2f}",
        row["note"],
    )


def _confusion(known: Mapping[str, WrittenDocument], labels: Mapping[str, str]) -> Table:
    counts = Counter((known[name].polarity, label) for name, label in labels.items())
    declared = sorted({polarity for polarity, _ in counts})
    return Table(
        "Declared polarity, and what the person says",
        ("declared", *LABELS),
        [(one, *(counts[one, label] for label in LABELS)) for one in declared],
    )


def _classifiers(study: Study, corpus: Corpus, labels: Mapping[str, str]) -> Iterator[Compared]:
    for one in study.classifiers:
        expected = expected_positive(study, one)
        if not expected:
            continue
        scores = _column(corpus, one.scorer, COLUMN, labels)
        pairs = [
            (_said(expected[labels[name]]), _said(score > BOUND))
            for name, score in scores.items()
            if labels[name] in expected and score is not None
        ]
        others = ", ".join(sorted({*LABELS} - {UNCLEAR} - expected.keys()))
        note = f"not taught what {others} is" if others else ""
        yield Compared(f"{one.scorer} above {BOUND}", pairs, note)


def _said(positive: bool) -> str:
    return "positive" if positive else "negative"


def _judges(corpus: Corpus, labels: Mapping[str, str]) -> Iterator[Compared]:
    """Of every scorer that has a column `polarity`."""
    tables = dict.fromkeys(table for one in corpus.scored for table in scorer_tables(one.manifest))
    for table in tables:
        files = [path for one in corpus.scored for path in shard_files(one, table)]
        if POLARITY in pq.read_schema(files[0]).names:
            scorer = file_names.scorer_of(table)
            said = _column(corpus, scorer, POLARITY, labels)
            pairs = [(labels[name], str(one)) for name, one in said.items() if one is not None]
            yield Compared(f"{scorer}.{POLARITY}", pairs)


def _column(corpus: Corpus, scorer: str, column: str, documents: Iterable[str]) -> dict[str, Any]:
    """Document → what a scorer found, of those that are asked for."""
    asked, found = pa.array(sorted(documents), pa.string()), dict[str, Any]()
    for artifact in corpus.scored:
        for path in shard_files(artifact, file_names.scores(scorer)):
            table = pq.read_table(path, columns=["document_id", column])
            table = table.filter(pc.is_in(table["document_id"], asked))
            values = table[column].to_pylist()
            found |= zip(table["document_id"].to_pylist(), values, strict=True)
    return found
