"""`near_duplicates`: which documents are nearly the same text as an earlier one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.deduplication.digest_tasks import digest_parts
from alignment_dagster.deduplication.digests import Part, parts_of, read_digests
from alignment_dagster.deduplication.earlier_search import Parted, read_search, save_search
from alignment_dagster.deduplication.gone import find_gone
from alignment_dagster.deduplication.measure import Measure
from alignment_dagster.deduplication.pairs import Pairs, find_pairs
from alignment_dagster.deduplication.selection import cluster_sizes, select_kept
from alignment_dagster.deduplication.shingles import VERSION
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.work_seals import SUFFIX, has_seal, place_of, write_seal
from alignment_dagster.graph import progress_listener
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.partitions import by_source
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.lineage.shards import shard_names
from alignment_dagster.steps.pages.near_duplicates import page_metadata
from alignment_dagster.study import NearDuplicates, Study
from alignment_dagster.synthesis.coverage import written_sources

MOST_REMOVED = 0.9
"""A source that loses more than this share to near duplicates is broken, not repetitive."""
MOST_ALIKE_WRITTEN = 0.1
"""A written source that loses more says the same again and again: worth a look."""
PAIRS = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("earlier_id", pa.string(), nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
        pa.field("removes", pa.bool_(), nullable=False),
    ]
)
"""Both documents are the first of their exact copies. `removes`: a recipe that reads every document
drops this one for that one; what another recipe drops, `dispositions` says. For a document of an
earlier version, which is in no source any more, every recipe drops it."""
CLUSTERS = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("removed", pa.int64(), nullable=False),
    ]
)
"""How many documents were removed for a kept one."""


def is_declared(study: Study) -> bool:
    """Whether the study looks for near duplicates."""
    return study.declaration.near_duplicates is not None


def declared(study: Study) -> NearDuplicates:
    """What counts as one, in a study that looks for them."""
    found = study.declaration.near_duplicates
    if found is None:
        raise LookupError(f"{study.name} declares no near duplicates")
    return found


@dataclass(frozen=True)
class _Source:
    name: str
    role: str
    parts: Sequence[Part]

    @property
    def documents(self) -> int:
        return sum(part.documents for part in self.parts)


def build(context: BuildContext) -> BuildResult:
    """Find the pairs of each role: in the order of the sources, and of the documents in them."""
    settings = declared(context.study)
    cache = context.stores.home.cache / context.study.name / chain.NEAR_DUPLICATES
    _forget_planted(cache)
    sources, gone = list(_sources(context)), list(_earlier(context))
    digest_parts(
        [part for source in (*sources, *gone) for part in source.parts],
        settings.shingle,
        cache,
        progress_listener.check,
        lambda done, total: context.report(done, total, "documents"),
    )
    pairs, clusters, removed = [], [], dict.fromkeys((one.name for one in sources), 0)
    used: set[Path] = set()
    for role in dict.fromkeys(source.role for source in sources):
        own = [source for source in sources if source.role == role]
        names = [part.name(settings.shingle) for source in own for part in source.parts]
        parted = Parted.of([(name, read_digests(cache / name)) for name in names])
        measure = Measure(settings.measure, settings.threshold)
        asked = settings.model_dump(exclude={"largest_cluster", "earlier"})
        search = cache / f"{role}-{sha256_json([VERSION, asked])[:16]}.npz"
        found = find_pairs(parted.documents, measure, read_search(search, parted))
        save_search(search, parted, found)
        used |= {search, *(cache / name for name in names)}
        kept = select_kept(found)
        pairs.append(_pair_table(parted, found, kept))
        before = [
            part.name(settings.shingle) for one in gone if one.role == role for part in one.parts
        ]
        if before:
            used |= {cache / name for name in before}
            was = [batch for name in before for batch in read_digests(cache / name)]
            pairs.append(_gone_table(was, parted.documents.batches, measure))
        clusters.append(_cluster_table(parted, kept, own))
        for source, count in zip(own, _count(kept.later, own), strict=True):
            removed[source.name] = count
    for path in set(cache.iterdir()) - used:
        path.unlink()
    for path in used:
        write_seal(*_sealed(path))
    pq.write_table(pa.concat_tables(pairs), context.folder / file_names.NEAR_DUPLICATES)
    table = pa.concat_tables(clusters)
    pq.write_table(table, context.folder / file_names.CLUSTERS)
    largest = max(table["removed"].to_pylist(), default=0)
    written = [one.name for one in written_sources(context.study)]
    return BuildResult(
        (
            *_checks(sources, removed, largest, settings.largest_cluster),
            _written_check(sources, removed, written),
        ),
        metrics={
            "pairs": sum(one.num_rows for one in pairs),
            "removed": sum(removed.values()),
            "largest_cluster": largest,
            **{f"removed/{name}": count for name, count in removed.items()},
        },
    )


def _sealed(path: Path) -> tuple[Path, str, dict[str, Path]]:
    """Where the seal of a kept file lies, for which place, and over what."""
    return path.with_name(f"{path.name}{SUFFIX}"), place_of(path.parent), {path.name: path}


def _forget_planted(cache: Path) -> None:
    """What was kept before is believed where an earlier run of this home sealed it."""
    for path in cache.glob("*") if cache.exists() else ():
        if path.suffix != SUFFIX and not has_seal(*_sealed(path)):
            path.unlink()


def _sources(context: BuildContext) -> Iterator[_Source]:
    now = {spec.partition: one for spec, one in context.parents.artifacts if spec.selector is None}
    for source in context.study.sources:
        yield _Source(source.name, source.role, _parts(now[source.name]))


def _parts(corpus: Artifact) -> list[Part]:
    names = shard_names(corpus.manifest, file_names.RAW_DOCUMENTS)
    files = corpus.manifest.files
    return [part for one in names for part in parts_of(corpus.path / one, files[one])]


def _earlier(context: BuildContext) -> Iterator[_Source]:
    """The earlier versions that are declared."""
    for spec, artifact in context.parents.artifacts:
        if spec.selector is not None:
            source = context.study.source(spec.partition or "")
            yield _Source(source.name, source.role, _parts(artifact))


def _gone_table(
    was: Sequence[pa.RecordBatch], now: Sequence[pa.RecordBatch], measure: Measure
) -> pa.Table:
    """Documents that are like one of an earlier version which is in no source any more."""
    found = find_gone(was, now, measure)
    columns = [
        *(pa.array(column) for column in found),
        pa.array([True] * len(found[0]), pa.bool_()),
    ]
    return pa.table(columns, schema=PAIRS)


def _pair_table(parted: Parted, found: Pairs, kept: Pairs) -> pa.Table:
    chosen = set(zip(kept.later.tolist(), kept.earlier.tolist(), strict=True))
    every = zip(found.later.tolist(), found.earlier.tolist(), strict=True)
    columns = [
        parted.documents.ids(found.later),
        parted.documents.ids(found.earlier),
        pa.array(found.similarity),
        pa.array([pair in chosen for pair in every], pa.bool_()),
    ]
    return pa.table(columns, schema=PAIRS)


def _cluster_table(parted: Parted, kept: Pairs, sources: Sequence[_Source]) -> pa.Table:
    numbers, counts = cluster_sizes(kept)
    ends = np.cumsum([source.documents for source in sources])
    names = [sources[place].name for place in np.searchsorted(ends, numbers, "right")]
    columns = [parted.documents.ids(numbers), pa.array(names, pa.string()), pa.array(counts)]
    return pa.table(columns, schema=CLUSTERS)


def _count(numbers: "np.ndarray[Any, np.dtype[np.int64]]", sources: Sequence[_Source]) -> list[int]:
    bounds = np.cumsum([0, *(source.documents for source in sources)])
    return np.diff(np.searchsorted(numbers, bounds)).tolist()  # type: ignore[no-any-return]


def _checks(
    sources: Sequence[_Source], removed: Mapping[str, int], largest: int, bound: int
) -> tuple[Check, ...]:
    shares = {one.name: removed[one.name] / max(1, one.documents) for one in sources}
    worst = max(shares, key=lambda name: shares[name])
    return (
        Check(
            name="near_duplicates_leave_the_source",
            passed=shares[worst] <= MOST_REMOVED,
            summary=f"{worst} loses most, {shares[worst]:.1%}.",
        ),
        Check(
            name="clusters_are_small",
            passed=largest <= bound,
            summary=f"{largest:,} documents repeat one text.",
            blocking=False,
        ),
    )


def _written_check(
    sources: Sequence[_Source], removed: Mapping[str, int], written: Sequence[str]
) -> Check:
    """Of the sources that are written the one that repeats itself most."""
    shares = {
        one.name: removed[one.name] / max(1, one.documents)
        for one in sources
        if one.name in written
    }
    worst = max(shares, key=lambda name: shares[name], default="")
    said = f"{worst} loses most, {shares[worst]:.1%}" if shares else "No source is written"
    return Check(
        name="written_texts_differ",
        passed=all(share <= MOST_ALIKE_WRITTEN for share in shares.values()),
        summary=f"{said} ({MOST_ALIKE_WRITTEN:.0%} is worth a look).",
        blocking=False,
    )


def parents(study: Study, _partition: Partition) -> tuple[ParentSpec, ...]:
    """Every source's documents, and those of the earlier versions that are declared."""
    earlier = declared(study).earlier
    return (
        *(ParentSpec(chain.RAW_CORPUS, source) for source in by_source(study)),
        *(
            ParentSpec(chain.RAW_CORPUS, one.source, selector=partial(_named, one.version))
            for one in earlier
        ),
    )


def _named(
    version: str, _instance: dg.DagsterInstance, lake: Lake, study: str, spec: ParentSpec
) -> str:
    """The version that is declared, if it is there."""
    known = lake.versions(study, spec.asset, spec.partition)
    if version not in known:
        message = f"near_duplicates.earlier: source {spec.partition!r} has no version {version!r}"
        raise ArtifactError(f"{study}: {message} in the lake (there: {', '.join(known) or 'none'})")
    return version


def config(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """What counts as a near duplicate, and among which documents."""
    return {
        "near_duplicates": declared(study).model_dump(mode="json"),
        "roles": {source.name: source.role for source in study.sources},
    }


STEP = Step(
    asset=chain.NEAR_DUPLICATES,
    kinds=frozenset({"python", "parquet"}),
    description=(
        "Documents that are nearly the same text as an earlier one of their role, across sources: "
        "every pair whose shingles (words in a row) are as similar as the study declares, verified "
        "on all of them. A recipe drops a document only for one that it keeps: `dispositions`."
    ),
    code_version="1",
    modules=(
        "deduplication/__init__.py",
        "deduplication/earlier_search.py",
        "deduplication/digest_tasks.py",
        "steps/near_duplicates.py",
    ),
    parents=parents,
    config=config,
    build=build,
    page_metadata=page_metadata,
    checks={"near_duplicates_leave_the_source": "Near duplicates do not wipe out a source."},
    warnings={
        "clusters_are_small": "No text is repeated more often than the study expects.",
        "written_texts_differ": "Few documents that were written for the study are alike.",
    },
    exists=is_declared,
)
