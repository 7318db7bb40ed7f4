"""The Parquet files of a corpus and its mixes, as the dataset card and Croissant name them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.audit.trace.written_answer import describe_writer
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_names
from alignment_dagster.release.cards.facts import Facts, SourceFacts


@dataclass(frozen=True)
class DataFile:
    """One file of the lake."""

    config: str
    """How the dataset card calls it."""
    description: str
    artifact: Artifact
    file: str
    licences: tuple[str, ...]
    """Of the sources that it holds text or ids of."""

    @property
    def path(self) -> str:
        """Relative to the study's folder in the lake."""
        asset, place, version = self.artifact.path.parts[-3:]
        return f"{asset}/{place}/{version}/{self.file}"

    @property
    def sha256(self) -> str:
        return self.artifact.manifest.files[self.file]

    @property
    def size(self) -> int:
        """In bytes."""
        return self.artifact.manifest.sizes[self.file]

    @property
    def schema(self) -> pa.Schema:
        return pq.read_schema(self._place)

    @property
    def rows(self) -> int:
        return int(pq.read_metadata(self._place).num_rows)

    @property
    def _place(self) -> Path:
        return self.artifact.path / self.file


def data_files(facts: Facts) -> list[DataFile]:
    """The sources with their texts, what became of each document, and the mixes."""
    return [*_sources(facts), *_dispositions(facts), *_mixes(facts)]


def _sources(facts: Facts) -> Iterator[DataFile]:
    for one in facts.sources:
        description = f"Documents of the source {one.name}: {one.declared['description']}"
        description += _writers(one)
        shards = shard_names(one.artifact.manifest, file_names.RAW_DOCUMENTS)
        for number, name in enumerate(shards):
            config = f"source-{one.name}" if len(shards) == 1 else f"source-{one.name}-{number:05}"
            yield DataFile(config, description, one.artifact, name, (one.licence,))


def _writers(source: SourceFacts) -> str:
    """By which models, in which forms they were written; nothing where they were not."""
    if not source.written:
        return ""
    by = dict.fromkeys(map(describe_writer, source.written))
    forms = dict.fromkeys(f"{row['form']} {row['template_version']}" for row in source.written)
    return f" Written for the study by {', '.join(by)}, as {', '.join(forms)}."


def _dispositions(facts: Facts) -> Iterator[DataFile]:
    """What need not be made again keeps its older decisions: each version has a name of its own."""
    licences = tuple(dict.fromkeys(one.licence for one in facts.sources))
    found = list(facts.of(chain.DISPOSITIONS))
    for artifact in found:
        version = f"-{artifact.version}" if len(found) > 1 else ""
        for name in sorted(artifact.manifest.files):
            recipe, _, use = name.removesuffix(".parquet").rpartition("/")
            description = f"What became of each document for {use} under the recipe {recipe}."
            config = f"dispositions-{recipe}-{use}{version}"
            yield DataFile(config, description, artifact, name, licences)


def _mixes(facts: Facts) -> Iterator[DataFile]:
    for mix in facts.mixes:
        inside = {part["source"] for part in mix.parts}
        licences = tuple(dict.fromkeys(o.licence for o in facts.sources if o.name in inside))
        described = {
            file_names.DOCUMENTS: "Documents of the mix, with their tokens and copies",
            file_names.SPANS: "Which tokens of which document stand in which training sequence",
            file_names.TREATED: "How many tokens of each document each rule treated, and how",
            file_names.INSERTIONS: "Which document is read inside of which, and where",
        }
        for name, description in described.items():
            if name not in mix.artifact.manifest.files:
                continue
            config = f"mix-{mix.name}-{name.removesuffix('.parquet')}"
            text = f"{description}; recipe {mix.name}."
            yield DataFile(config, text, mix.artifact, name, licences)
