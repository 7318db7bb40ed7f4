"""What of a study was written, and what became of it: scenarios, forms and polarities."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import read_tables, shard_files
from alignment_dagster.study import Source, Study
from alignment_dagster.study.synthesis import Grammar, SyntheticReader, WrittenColumn
from alignment_dagster.synthesis.rows import NoAnswers, make_plan

KEPT, NOT_SELECTED = "kept", "not_selected"
ALIKE = ("exact_duplicate", "near_duplicate")
"""Rules that drop a document for another one."""
PLACE = (WrittenColumn.SCENARIO, WrittenColumn.DOMAIN, WrittenColumn.FORM)
COLUMNS = (
    *PLACE,
    *(WrittenColumn.POLARITY, WrittenColumn.TEMPLATE, WrittenColumn.TEMPLATE_VERSION),
)


@dataclass(frozen=True)
class Place:
    """What a document is about, and as what it is told."""

    scenario: str
    domain: str
    """Of a specification, or the topic of a suite; empty where there is none."""
    form: str


@dataclass(frozen=True)
class WrittenDocument:
    """A document that was written for the study."""

    document_id: str
    place: Place
    polarity: str
    template: str
    """Hex digest."""
    template_version: str
    decisions: Mapping[str, str]
    """Recipe → `kept`, or the rule that dropped it; without the recipes that do not read it."""


@dataclass(frozen=True)
class WrittenSource:
    """A source that is written, its documents, and what of it there could have been."""

    name: str
    group: str
    polarity: str
    generator: str
    scenarios: tuple[tuple[str, str], ...]
    """Name and domain of each that was to be written on."""
    forms: tuple[str, ...]
    documents: tuple[WrittenDocument, ...]
    """In the order of their digests: the first ones are a fair sample."""
    quarantined: Mapping[Place, int] = field(default_factory=dict)
    """Requests that no document came of; the place is empty where it is not known."""
    repeated: int = 0
    """Documents that say what an earlier one says, word for word."""

    @property
    def without_documents(self) -> tuple[tuple[str, str], ...]:
        """Scenarios of which none was written."""
        there = {(one.place.scenario, one.place.domain) for one in self.documents}
        return tuple(one for one in self.scenarios if one not in there)

    @property
    def missing_forms(self) -> tuple[str, ...]:
        """Forms of which none was written."""
        there = {one.place.form for one in self.documents}
        return tuple(form for form in self.forms if form not in there)

    @cached_property
    def recipes(self) -> tuple[str, ...]:
        """Those that read it, in their order."""
        return tuple(dict.fromkeys(name for one in self.documents for name in one.decisions))

    def became(self, recipe: str) -> Counter[str]:
        """`kept`, or the rule → documents."""
        return count_decisions(self.documents, recipe)

    def alike(self, recipe: str) -> float:
        """The share of its documents that a recipe drops for another one, or that were repeated."""
        dropped = share_alike(self.documents, recipe) * len(self.documents)
        return (dropped + self.repeated) / max(1, len(self.documents) + self.repeated)


def count_decisions(documents: Sequence[WrittenDocument], recipe: str) -> Counter[str]:
    """`kept`, or the rule → documents that a recipe reads."""
    found = (one.decisions.get(recipe) for one in documents)
    return Counter(decision for decision in found if decision is not None)


def share_alike(documents: Sequence[WrittenDocument], recipe: str) -> float:
    """The share of documents that a recipe drops for another one."""
    found = count_decisions(documents, recipe)
    return sum(found[rule] for rule in ALIKE) / max(1, len(documents))


def written_sources(study: Study) -> tuple[Source, ...]:
    """The sources of a study that are written."""
    return tuple(one for one in study.sources if isinstance(one.reader, SyntheticReader))


def read_written(
    study: Study, corpora: Sequence[Artifact], decisions: Mapping[str, Sequence[Path]]
) -> tuple[WrittenSource, ...]:
    """What was written, of each source of which there is a corpus.

    Args:
        corpora: of `raw_corpus`, of any sources.
        decisions: recipe → the files that say what became of documents.

    Raises:
        DeclarationError: names the file of scenarios that cannot be read.
    """
    found = {one.partition: one for one in corpora}
    written = [(one, found[one.name]) for one in written_sources(study) if one.name in found]
    if not written:
        return ()
    names = pa.array([one.name for one, _ in written])
    decided = {recipe: _decided(paths, names) for recipe, paths in decisions.items()}
    return tuple(_read(study, source, corpus, decided) for source, corpus in written)


def _read(
    study: Study, source: Source, corpus: Artifact, decided: Mapping[str, Mapping[str, str]]
) -> WrittenSource:
    reader = source.reader
    assert isinstance(reader, SyntheticReader)
    plan = make_plan(study, source, NoAnswers())
    declared = plan.scenarios()
    scenarios = tuple((one.name, one.domain) for one in declared)
    quarantined: Counter[Place] = Counter()
    for line in _lines(corpus, file_names.QUARANTINE):
        # a rewritten document is known by the answer alone
        known = bool(declared) and not isinstance(reader.generator, Grammar)
        scenario, form = plan.turn(declared, line - 1) if known else (None, "")
        quarantined[
            Place(scenario.name if scenario else "", scenario.domain if scenario else "", form)
        ] += 1
    return WrittenSource(
        name=source.name,
        group=source.group,
        polarity=reader.polarity,
        generator=reader.generator.kind,
        scenarios=scenarios or ((reader.rewrites or "", ""),),
        forms=reader.forms,
        documents=tuple(_documents(corpus, decided)),
        quarantined=quarantined,
        repeated=len(_lines(corpus, file_names.REPEATS)),
    )


def _documents(
    corpus: Artifact, decided: Mapping[str, Mapping[str, str]]
) -> Iterator[WrittenDocument]:
    metadata = read_tables(shard_files(corpus, file_names.METADATA))
    metadata = metadata.filter(pc.is_in(metadata["column"], pa.array(COLUMNS)))
    values: dict[str, dict[str, str]] = {}
    for row in metadata.select(["document_id", "column", "text"]).to_pylist():
        values.setdefault(row["document_id"], {})[row["column"]] = row["text"]
    ids = read_tables(shard_files(corpus, file_names.RAW_DOCUMENTS), ["document_id"])
    for identity in sorted(ids["document_id"].to_pylist()):
        own = values.get(identity)
        if own is None:  # planted in it
            continue
        yield WrittenDocument(
            document_id=identity,
            place=Place(*(own.get(name, "") for name in PLACE)),
            polarity=own.get(WrittenColumn.POLARITY, ""),
            template=own.get(WrittenColumn.TEMPLATE, ""),
            template_version=own.get(WrittenColumn.TEMPLATE_VERSION, ""),
            decisions={
                name: by_id[identity] for name, by_id in decided.items() if identity in by_id
            },
        )


def _decided(paths: Sequence[Path], sources: pa.Array) -> dict[str, str]:
    """Document of one of these sources → what became of it."""
    found: dict[str, str] = {}
    for path in paths:
        table = pq.read_table(
            path,
            columns=["document_id", "rule"],
            filters=pc.is_in(pc.field("source"), value_set=sources),
        )
        rules = pc.fill_null(table["rule"], KEPT).to_pylist()
        pairs = zip(table["document_id"].to_pylist(), rules, strict=True)
        found |= {identity: rule for identity, rule in pairs if rule != NOT_SELECTED}
    return found


def _lines(corpus: Artifact, table: str) -> list[int]:
    lines = (pq.read_table(path, columns=["line"]) for path in shard_files(corpus, table))
    return [line for one in lines for line in one["line"].to_pylist()]
