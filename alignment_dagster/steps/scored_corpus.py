"""`scored_corpus`: one table of scores for each scorer, joined to the documents by id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.corpus.reading import link_file
from alignment_dagster.engines import run_tasks
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.sql_literals import scan_parquet
from alignment_dagster.graph import progress_listener
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.lineage.shards import shard_names
from alignment_dagster.scoring import SCORERS, ScoringContext
from alignment_dagster.scoring.shard_task import ShardTask, score_shard
from alignment_dagster.steps.earlier_scores import Earlier
from alignment_dagster.steps.pages.scored_corpus import page_metadata
from alignment_dagster.study import Study

MOST_DUPLICATES = 0.9
"""A source that loses more than this share to duplicates is broken, not repetitive."""


def build(context: BuildContext) -> BuildResult:
    """Score every document once with every scorer of the study, a shard at a time.

    What a scorer found in a document before, it is not asked again.
    """
    corpus = context.parents.one(chain.RAW_CORPUS)
    scorers, shards = context.study.declaration.scorers, _Shards.of(corpus)
    tasks = _tasks(context, shards)
    done = dict.fromkeys(scorers, 0)
    for result in run_tasks(score_shard, tasks, progress_listener.check):
        done[result.scorer] += result.scored
        context.report(sum(done.values()), len(scorers) * shards.documents, "scores")
    for path in context.work.rglob("*.parquet"):
        link_file(path, context.folder / path.relative_to(context.work))
    measured = {f"documents_scored/{name}": float(count) for name, count in done.items()}
    checks = _checks(shards, {name: _files(context.folder, name) for name in scorers})
    return BuildResult(checks, measured, {"documents": shards.documents})


@dataclass(frozen=True)
class _Shards:
    """The shards of a corpus: where they lie, and their digests, by number."""

    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    documents: int

    @classmethod
    def of(cls, corpus: Artifact) -> "_Shards":
        names = shard_names(corpus.manifest, file_names.RAW_DOCUMENTS)
        paths = tuple(corpus.path / name for name in names)
        documents = sum(pq.read_metadata(path).num_rows for path in paths)
        return cls(paths, tuple(corpus.manifest.files[name] for name in names), documents)


def _tasks(context: BuildContext, shards: _Shards) -> list[ShardTask]:
    """What is neither taken over from the current version nor was finished before a kill."""
    earlier, scoring = Earlier.of(context), scoring_context(context.study)
    open_tasks: list[tuple[str, int]] = []
    for scorer in context.study.declaration.scorers:
        for number, digest in enumerate(shards.digests):
            name = file_names.shard(scorer, number)
            if same := earlier.shard(scorer, number, digest):
                link_file(same, context.folder / name)
            elif not (context.work / name).exists():
                open_tasks.append((scorer, number))
    changed = sorted({shards.paths[number] for _, number in open_tasks})
    overlaps = earlier.overlaps(changed)
    return [
        ShardTask(
            shards.paths[number],
            scorer,
            scoring,
            earlier.files(scorer, overlaps[shards.paths[number]]),
            context.work / file_names.shard(scorer, number),
        )
        for scorer, number in open_tasks
    ]


def _files(folder: Path, scorer: str) -> list[Path]:
    return sorted((folder / scorer).glob("*.parquet"))


def scoring_context(study: Study) -> ScoringContext:
    """What scorers may look at besides the documents: lexicons and evaluation items."""
    items = [item for suite in study.suites for item in load_suite(suite, study.assets)]
    return ScoringContext(assets=study.assets, items=items)


def _checks(shards: _Shards, scores: Mapping[str, Sequence[Path]]) -> tuple[Check, ...]:
    strays, missing = [], []
    for name, files in scores.items():
        for path, scored in zip(shards.paths, files, strict=True):
            found = pq.read_table(scored)
            ids = pq.read_table(path, columns=["document_id"])["document_id"]
            if not found["document_id"].equals(ids):
                strays.append(name)
            missing += [
                f"{name}.{one}" for one in SCORERS[name].columns if not _in_range(found[one])
            ]
    share = 1 - _distinct(scores["fingerprint"]) / max(1, shards.documents)
    return (
        Check(
            name="documents_preserved",
            passed=not strays,
            summary=f"{', '.join(dict.fromkeys(strays))} differ."
            if strays
            else f"{shards.documents:,} documents.",
        ),
        Check(
            name="scores_in_range",
            passed=not missing,
            summary=f"{', '.join(dict.fromkeys(missing))} not." if missing else "All are.",
        ),
        Check(
            name="duplicates_leave_the_source",
            passed=share <= MOST_DUPLICATES,
            summary=f"{share:.1%} are exact duplicates of another.",
        ),
    )


def _distinct(fingerprints: Sequence[Path]) -> int:
    scan = scan_parquet(fingerprints)
    # sources are scored side by side in threads, which cannot share a connection
    with duckdb.connect() as connection:
        query = f"select count(distinct fingerprint) from {scan}"
        (count,) = connection.execute(query).fetchall()[0]
    return int(count)


def _in_range(column: pa.ChunkedArray) -> bool:
    """Numbers are finite and not negative; nothing but text may be missing."""
    if pa.types.is_string(column.type):
        return True
    if column.null_count:
        return False
    if pa.types.is_boolean(column.type):
        return True
    values = pc.cast(column, pa.float64())
    return bool(pc.all(pc.and_(pc.is_finite(values), pc.greater_equal(values, 0))).as_py())


def parents(_study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """The source's documents."""
    return (ParentSpec(chain.RAW_CORPUS, partition),)


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The lexicons and evaluation items that the scorers look at."""
    context = scoring_context(study)
    return {name: SCORERS[name].inputs(context) for name in study.declaration.scorers}


STEP = Step(
    asset=chain.SCORED_CORPUS,
    kinds=frozenset({"python", "parquet"}),
    description=(
        "What each scorer found in each document: length, duplicate fingerprint, whether it speaks "
        "of AI systems (and by which word), and whether it holds an evaluation item. A document is "
        "scored once; what a recipe makes of the scores is decided later, in `dispositions`."
    ),
    code_version="2",
    modules=("scoring/__init__.py", "evaluation/suites/loader.py"),
    parents=parents,
    config=lambda study, _partition: {"scorers": list(study.declaration.scorers)},
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={
        "documents_preserved": "Every scorer gives one row a document: none lost, none invented.",
        "scores_in_range": "Every score is there, finite and not negative.",
        "duplicates_leave_the_source": "Duplicates do not wipe out the source.",
    },
)
