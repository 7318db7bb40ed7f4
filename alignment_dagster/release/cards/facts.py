"""What the cards say: read once from a report's provenance and ledgers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignment_dagster import chain
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.metrics import list_metrics
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.chain import POST_TRAINING_STAGES
from alignment_dagster.foundation.digests import canonical_json
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import recipe_of, seed_of
from alignment_dagster.lineage.reviews import Review, reviews
from alignment_dagster.report.findings import Findings, read_findings
from alignment_dagster.report.results import ResultRow

READ = (
    "select source, count(*)::bigint as documents, sum(characters)::bigint as characters, "
    "sum(occurrences)::bigint as rows from texts group by source"
)
MIXED = (
    'select recipe, source, "group", count(*)::bigint as documents, '
    "sum(tokens)::bigint as tokens, sum(packed_tokens)::bigint as packed_tokens, "
    "max(copies)::bigint as copies from mixes group by all order by recipe, source"
)
DISPOSED = (
    'select recipe, "use", state, rule, count(*)::bigint as documents, '
    "sum(characters)::bigint as characters from dispositions group by all "
    'order by recipe, "use", state desc, documents desc, rule'
)
WRITTEN = (
    "select source, generator, model, reported_model, form, template_version, template, "
    "count(*)::bigint as documents, count(distinct prompt)::bigint as prompts "
    "from (select distinct on (document_id) * from written) group by all order by all"
)
SEQUENCES = 'select recipe, count(distinct "sequence")::bigint as sequences from spans group by all'

Row = Mapping[str, Any]


@dataclass(frozen=True)
class SourceFacts:
    """A source as it was declared and read."""

    artifact: Artifact
    declared: Row
    """As it was read, and described as the report describes it."""
    documents: int
    characters: int
    rows: int
    """Rows of the raw data; equal ones are one document."""
    written: Sequence[Row]
    """Of what was written for the study: generator, model as asked and as reported, form, template
    with its version, documents and prompts; nothing of other sources."""

    @property
    def name(self) -> str:
        return str(self.declared["name"])

    @property
    def licence(self) -> str:
        return str(self.declared["licence"])


@dataclass(frozen=True)
class MixFacts:
    """The training sequences of a recipe."""

    artifact: Artifact
    recipe: Row
    """As the report declares it."""
    parts: Sequence[Row]
    """Source, group, documents, tokens, packed tokens (repeats counted), copies at most."""
    disposed: Sequence[Row]
    """Use, state, rule, documents, characters: every document of the recipe, once for each use."""
    sequences: int

    @property
    def name(self) -> str:
        return str(self.recipe["name"])

    @property
    def tokens(self) -> int:
        """With repeats."""
        return sum(part["packed_tokens"] for part in self.parts)


@dataclass(frozen=True)
class Replicate:
    """The checkpoints of one recipe and seed."""

    recipe: str
    seed: int
    base: Artifact
    post: Artifact | None

    @property
    def stages(self) -> Mapping[str, tuple[Artifact, str]]:
        """Stage → artifact and the folder in it."""
        made = {"base": (self.base, "model")}
        if self.post:
            folders = {name.partition("/")[0] for name in self.post.manifest.files if "/" in name}
            stages = (stage for stage in POST_TRAINING_STAGES if stage in folders)
            made |= {stage: (self.post, stage) for stage in stages}
        return made

    @property
    def config(self) -> Row:
        """The model's configuration, as `transformers` wrote it."""
        config: Row = json.loads((self.base.path / "model" / "config.json").read_text("utf-8"))
        return config


@dataclass(frozen=True)
class Facts:
    """Everything that the cards say."""

    study: str
    report: Artifact
    ancestors: Sequence[Artifact]
    sources: Sequence[SourceFacts]
    mixes: Sequence[MixFacts]
    replicates: Sequence[Replicate]
    results: Sequence[ResultRow]
    findings: Findings
    reviews: Sequence[Review]

    @property
    def declared(self) -> Row:
        """What the report declares: description, recipes, suites, claims, limits."""
        return self.report.provenance.declared

    def mix(self, recipe: str) -> MixFacts:
        return next(mix for mix in self.mixes if mix.name == recipe)

    def of(self, asset: str) -> list[Artifact]:
        """The artifacts of an asset behind the report."""
        return [artifact for artifact in self.ancestors if artifact.asset == asset]

    def environments(self) -> list[Mapping[str, str]]:
        """Python, machine and packages; several where the artifacts were not made in one."""
        found = {canonical_json(one.provenance.environment): one for one in self.ancestors}
        return [one.provenance.environment for one in found.values()]

    def commits(self) -> list[Mapping[str, str]]:
        """Commits and dirty flags of the code that made the artifacts."""
        found = {canonical_json(one.provenance.git): one.provenance.git for one in self.ancestors}
        return list(found.values())


def gather_facts(opened: OpenedReport) -> Facts:
    """Read them all, after every byte and signature behind the report has been verified.

    Raises:
        ArtifactError: if an artifact or a review behind the report is missing or altered.
    """
    for one in opened.ancestors:
        opened.archive.lake.open(opened.archive.study, one.asset, one.partition, one.version)
    return Facts(
        study=opened.archive.study,
        report=opened.report,
        ancestors=opened.ancestors,
        sources=_sources(opened),
        mixes=_mixes(opened),
        replicates=_replicates(opened),
        results=list_metrics(opened),
        findings=read_findings(opened.report.path),
        reviews=reviews(opened.archive, opened.report),
    )


WITHDRAWN = {"description": "(no longer declared)"}
"""Of a source behind models that were trained before it was taken out."""


def _sources(opened: OpenedReport) -> list[SourceFacts]:
    read = {row["source"]: row for row in fetch_rows(opened.ledgers, READ)}
    written = fetch_rows(opened.ledgers, WRITTEN)
    described = {one["name"]: one for one in opened.report.provenance.declared["sources"]}
    empty = {"documents": 0, "characters": 0, "rows": 0}
    found = []
    for artifact in opened.ancestors:
        if artifact.asset == chain.RAW_CORPUS:
            row = read.get(artifact.partition, empty)
            counts = (row["documents"], row["characters"], row["rows"])
            declared = {
                **artifact.provenance.declared,
                **described.get(artifact.partition, WITHDRAWN),
            }
            own = [one for one in written if one["source"] == artifact.partition]
            found.append(SourceFacts(artifact, declared, *counts, own))
    return found


def _mixes(opened: OpenedReport) -> list[MixFacts]:
    recipes = {one["name"]: one for one in opened.report.provenance.declared["recipes"]}
    mixed, disposed = fetch_rows(opened.ledgers, MIXED), fetch_rows(opened.ledgers, DISPOSED)
    sequences = {row["recipe"]: row["sequences"] for row in fetch_rows(opened.ledgers, SEQUENCES)}
    return [
        MixFacts(
            artifact,
            recipes[artifact.partition],
            [row for row in mixed if row["recipe"] == artifact.partition],
            [row for row in disposed if row["recipe"] == artifact.partition],
            sequences.get(artifact.partition, 0),
        )
        for artifact in opened.ancestors
        if artifact.asset == chain.CURATED_MIX
    ]


def _replicates(opened: OpenedReport) -> list[Replicate]:
    post = {
        one.partition: one for one in opened.ancestors if one.asset == chain.POST_TRAINED_CHECKPOINT
    }
    found = []
    for artifact in opened.ancestors:
        if artifact.asset == chain.PRETRAINED_CHECKPOINT:
            recipe, seed = recipe_of(artifact.partition), seed_of(artifact.partition)
            found.append(Replicate(recipe, seed, artifact, post.get(artifact.partition)))
    return found
