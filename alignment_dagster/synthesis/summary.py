"""A written source in numbers and samples: how much there is of what, how varied, what it says."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.foundation.visible_text import cut
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.synthesis.coverage import (
    KEPT,
    Place,
    WrittenDocument,
    WrittenSource,
    count_decisions,
    share_alike,
)
from alignment_dagster.synthesis.diversity import MEASURED, Diversity, measure_diversity

OF_A_SCENARIO = 200
"""Texts, at most, of which the variety of a scenario is measured."""
MOST_SCENARIOS = 200
"""Of which it is measured."""
MOST_SAMPLES = 24
"""Of a source."""
LONGEST_SAMPLE = 900
"""Characters."""

Kind = Literal["all", "form", "scenario"]
Key = TypeVar("Key", bound=Hashable)
Groups = Mapping[tuple[Kind, str], Sequence[WrittenDocument]]


@dataclass(frozen=True)
class CoverageCell:
    """The documents on one scenario in one form."""

    place: Place
    written: int
    quarantined: int
    became: Mapping[str, Mapping[str, int]]
    """Recipe that reads the source → `kept`, or the rule → documents."""


@dataclass(frozen=True)
class Variety:
    """How varied the texts of a form or of a scenario are, or all of them."""

    kind: Kind
    name: str
    measured: Diversity
    alike: float | None
    """Share that the first recipe drops for another document; None where none reads them."""


@dataclass(frozen=True)
class TemplateShare:
    """How many documents were written with a template."""

    form: str
    version: str
    template: str
    """Hex digest."""
    documents: int
    share: float


@dataclass(frozen=True)
class WrittenSample:
    """A document, and what became of it."""

    document_id: str
    place: Place
    became: str
    """`kept` or a rule; `written` where no recipe reads it."""
    recipe: str
    text: str


@dataclass(frozen=True)
class WrittenSummary:
    """All that is said of a written source."""

    source: WrittenSource
    cells: tuple[CoverageCell, ...]
    """Also those of which nothing was written."""
    variety: tuple[Variety, ...]
    templates: tuple[TemplateShare, ...]
    samples: tuple[WrittenSample, ...]


def summarise(source: WrittenSource, corpus: Artifact) -> WrittenSummary:
    """What a source holds; of its texts only those are read that are measured or shown."""
    groups = dict(_groups(source))
    shown = list(_choose_samples(source))
    measured = (one for documents in groups.values() for one in documents)
    chosen = {one.document_id for one in (*measured, *(one for one, _, _ in shown))}
    texts = read_texts(corpus, chosen)
    return WrittenSummary(
        source=source,
        cells=tuple(_cells(source)),
        variety=tuple(_variety(source, groups, texts)),
        templates=tuple(_templates(source)),
        samples=tuple(
            WrittenSample(
                one.document_id,
                one.place,
                became,
                recipe,
                cut(texts[one.document_id], LONGEST_SAMPLE),
            )
            for one, recipe, became in shown
        ),
    )


def read_texts(corpus: Artifact, documents: Iterable[str]) -> dict[str, str]:
    """Document → its text, of those that are asked for."""
    asked, found = pa.array(sorted(documents), pa.string()), dict[str, str]()
    for path in shard_files(corpus, file_names.RAW_DOCUMENTS):
        table = pq.read_table(
            path,
            columns=["document_id", "text"],
            filters=pc.is_in(pc.field("document_id"), value_set=asked),
        )
        found |= zip(table["document_id"].to_pylist(), table["text"].to_pylist(), strict=True)
    return found


def _cells(source: WrittenSource) -> Iterator[CoverageCell]:
    written = _by(source.documents, lambda one: one.place)
    wanted = [Place(*one, form) for one in source.scenarios for form in source.forms]
    for place in dict.fromkeys([*wanted, *written, *source.quarantined]):
        documents = written.get(place, [])
        became = {name: dict(count_decisions(documents, name)) for name in source.recipes}
        yield CoverageCell(place, len(documents), source.quarantined.get(place, 0), became)


def _groups(source: WrittenSource) -> Iterator[tuple[tuple[Kind, str], Sequence[WrittenDocument]]]:
    yield ("all", ""), source.documents[:MEASURED]
    forms = _by(source.documents, lambda one: one.place.form)
    for form in source.forms:
        yield ("form", form), forms.get(form, [])[:MEASURED]
    scenarios = _by(source.documents, lambda one: one.place.scenario)
    for scenario in islice(sorted(scenarios), MOST_SCENARIOS):
        yield ("scenario", scenario), scenarios[scenario][:OF_A_SCENARIO]


def _variety(source: WrittenSource, groups: Groups, texts: Mapping[str, str]) -> Iterator[Variety]:
    for (kind, name), documents in groups.items():
        measured = measure_diversity([texts[one.document_id] for one in documents])
        if measured is not None:
            own = share_alike(documents, source.recipes[0]) if source.recipes else None
            yield Variety(kind, name, measured, own)


def _templates(source: WrittenSource) -> Iterator[TemplateShare]:
    found = Counter(
        (one.place.form, one.template_version, one.template) for one in source.documents
    )
    for (form, version, template), count in sorted(found.items()):
        yield TemplateShare(form, version, template, count, count / len(source.documents))


def _choose_samples(source: WrittenSource) -> Iterator[tuple[WrittenDocument, str, str]]:
    """Of each rule and then of each form one, until there are enough: document, recipe, what
    became of it."""
    recipe = source.recipes[0] if source.recipes else ""

    def became(one: WrittenDocument) -> str:
        return one.decisions.get(recipe, "written")

    first = _by(source.documents, lambda one: (became(one) == KEPT, one.place.form, became(one)))
    rows = [documents[0] for _, documents in sorted(first.items())]
    for one in sorted(rows[:MOST_SAMPLES], key=lambda one: (one.place.form, became(one) != KEPT)):
        yield one, recipe, became(one)


def _by(
    documents: Sequence[WrittenDocument], key: Callable[[WrittenDocument], Key]
) -> dict[Key, list[WrittenDocument]]:
    found: dict[Key, list[WrittenDocument]] = {}
    for one in documents:
        found.setdefault(key(one), []).append(one)
    return found
