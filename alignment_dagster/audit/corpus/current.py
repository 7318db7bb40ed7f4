"""A study's corpus: the artifacts that hold its documents, their scores and what was decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from alignment_dagster import chain
from alignment_dagster.audit.artifact_list import current_keys
from alignment_dagster.audit.ledgers import fetch_rows
from alignment_dagster.audit.trace.chain import PRETRAINING
from alignment_dagster.audit.trace.parquet import connect_memory
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.archive import Archive, similar
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import scorer_tables, shard_files, shard_paths
from alignment_dagster.study.conditions import METADATA
from alignment_dagster.study.recipes import DropRule

NUMBERS = """
select distinct "column" from read_parquet(?) where number is not null order by "column"
"""


@dataclass(frozen=True)
class Corpus:
    """The documents of all sources with their scores, as one decision found them."""

    archive: Archive
    raw: tuple[Artifact, ...]
    """One a source."""
    scored: tuple[Artifact, ...]
    dispositions: Artifact | None
    """None where nothing is decided yet."""

    @cached_property
    def groups(self) -> Mapping[str, str]:
        """Source → its group."""
        return {one.partition or "": str(one.provenance.declared["group"]) for one in self.raw}

    @cached_property
    def recipes(self) -> tuple[str, ...]:
        """Those that were decided, in the order declared."""
        return tuple(one["name"] for one in self._declared.get("recipes", ()))

    def decided(self, recipe: str) -> list[str]:
        """The files that say what became of every document under a recipe.

        Raises:
            ArtifactError: if nothing is decided yet, or there is no such recipe.
        """
        found, study = self.dispositions, self.archive.study
        if found is None:
            raise ArtifactError(
                f"study {study!r}: nothing is decided yet: alignment run {study} --to dispositions"
            )
        if recipe not in self.recipes:
            near = similar(recipe, self.recipes)
            raise ArtifactError(f"there is no recipe {recipe!r} (near: {near})")
        names = [name for name in found.manifest.files if name.startswith(f"{recipe}/")]
        return [str(found.path / name) for name in sorted(names)]

    def rules(self, recipe: str, use: str = PRETRAINING) -> tuple[DropRule, ...]:
        """The declared rules that look at documents of a use, in the order in which they decide."""
        # a recipe's own rules leave post-training and tampering alone
        own = [one for one in self._declared.get("recipes", ()) if one["name"] == recipe]
        found = [*self._declared.get("drop", ())]
        if use == PRETRAINING:
            found += [rule for one in own for rule in one["drop"]]
        try:
            return tuple(DropRule.model_validate(rule) for rule in found)
        except ValidationError:
            return ()

    @cached_property
    def compared(self) -> Mapping[str, Mapping[float, tuple[str, ...]]]:
        """`scorer.column` of each number that rules compare → bound → the rules with that bound."""
        found: dict[str, dict[float, tuple[str, ...]]] = {}
        for recipe in self.recipes:
            for rule in self.rules(recipe):
                for one in rule.comparisons():
                    if one.bound is not None:
                        bounds = found.setdefault(f"{one.scorer}.{one.column}", {})
                        names = (*bounds.get(one.bound, ()), rule.rule)
                        bounds[one.bound] = tuple(dict.fromkeys(names))
        return found

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Each number that a rule may bound, as `scorer.column`: scores, then metadata."""
        found: dict[str, None] = {}
        for artifact in self.scored:
            for table in scorer_tables(artifact.manifest):
                for one in pq.read_schema(shard_files(artifact, table)[0]):
                    if _is_number(one.type):
                        found.setdefault(f"{file_names.scorer_of(table)}.{one.name}")
        if files := shard_paths(self.raw, file_names.METADATA):
            with connect_memory() as connection:
                for row in fetch_rows(connection, NUMBERS, files):
                    found.setdefault(f"{METADATA}.{row['column']}")
        return tuple(found)

    @property
    def _declared(self) -> Mapping[str, Any]:
        """What the decision was made by."""
        return self.dispositions.provenance.declared if self.dispositions else {}


def _is_number(kind: pa.DataType) -> bool:
    return any(
        is_one(kind) for is_one in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    )


def current_artifacts(archive: Archive, asset: str) -> list[Artifact]:
    """The current version of each partition, without those that were collected as garbage."""
    found = [archive.artifact(*key) for key in current_keys(archive) if key[0] == asset]
    return [one for one in found if not archive.collection(one)]


def open_corpus(archive: Archive) -> Corpus:
    """The corpus that was decided last; what was read last where nothing is decided.

    Raises:
        ArtifactError: if nothing was read yet.
    """
    decided = current_artifacts(archive, chain.DISPOSITIONS)
    if decided:
        return corpus_of(archive, decided[0])
    raw = current_artifacts(archive, chain.RAW_CORPUS)
    if not raw:
        study = archive.study
        raise ArtifactError(f"study {study!r}: no source was read yet: alignment run {study}")
    return Corpus(archive, tuple(raw), tuple(current_artifacts(archive, chain.SCORED_CORPUS)), None)


def corpus_of(archive: Archive, dispositions: Artifact) -> Corpus:
    """The corpus that a decision was made over.

    Raises:
        ArtifactError: if an artifact of it is not in the lake, or was collected as garbage.
    """
    parents = archive.parents(dispositions)
    archive.require_files([dispositions, *parents])
    raw = tuple(one for one in parents if one.asset == chain.RAW_CORPUS)
    scored = tuple(one for one in parents if one.asset == chain.SCORED_CORPUS)
    return Corpus(archive, raw, scored, dispositions)


def find_mix(archive: Archive, dispositions: Artifact, recipe: str) -> Artifact | None:
    """The last mix of a recipe that was made from this decision."""
    digest = dispositions.manifest.files.get(file_names.pretraining_part(recipe))
    for entry in reversed(archive.journal):
        if (entry.asset, entry.partition) == (chain.CURATED_MIX, recipe):
            if entry.key not in archive.keys:
                continue
            mix = archive.artifact(*entry.key)
            read = {one.digest for one in mix.provenance.inputs.parents}
            if digest in read and not archive.collection(mix):
                return mix
    return None
