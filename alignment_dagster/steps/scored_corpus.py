"""`scored_corpus`: one table of scores for each scorer, joined to the documents by id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.engines.tasks import run_tasks
from alignment_dagster.foundation.atomic_files import link_file
from alignment_dagster.foundation.sql_literals import scan_parquet
from alignment_dagster.foundation.work_seals import SUFFIX, has_seal, place_of, write_seal
from alignment_dagster.graph import progress_listener
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.lineage.shards import shard_names
from alignment_dagster.scoring.scorer import FAILURES, NUMBERS
from alignment_dagster.scoring.shard_task import ShardTask, score_shard
from alignment_dagster.steps import written_check
from alignment_dagster.steps.earlier_scores import Earlier
from alignment_dagster.steps.pages.scored_corpus import page_metadata
from alignment_dagster.steps.scoring_context import scoring_context, study_scorers
from alignment_dagster.steps.written_check import check_written
from alignment_dagster.study import Source, Study
from alignment_dagster.study.treatments import SENTENCE, sentence_scorer

FAILED = "failed"
"""Of the work folder: what each scorer could not score, shard by shard."""
MOST_DUPLICATES = 0.9
"""A source that loses more than this share to duplicates is broken, not repetitive."""


def build(context: BuildContext) -> BuildResult:
    """Score every document once with every scorer of the study, a shard at a time.

    What a scorer found in a document before, it is not asked again.
    """
    corpus = context.parents.one(chain.RAW_CORPUS)
    scorers, shards = _scorers(context.study), _Shards.of(corpus)
    earlier = Earlier.of(context)
    tasks = _tasks(context, shards, earlier)
    done = dict.fromkeys(scorers, 0)
    for result in run_tasks(
        score_shard, tasks, progress_listener.check, documents=shards.documents
    ):
        write_seal(*_sealed(context.work, result.name))
        done[result.scorer] += result.scored
        context.report(sum(done.values()), len(scorers) * shards.documents, "scores")
    for name in scorers:
        for path in _files(context.work, name):
            target = context.folder / path.relative_to(context.work)
            if not target.exists():  # taken over meanwhile from a version that became current
                link_file(path, target)
    failures = _gather_failures(context, shards, earlier)
    (context.folder / file_names.FAILURES).mkdir()
    pq.write_table(failures, context.folder / file_names.shard(file_names.FAILURES, 0))
    measured = {f"documents_scored/{name}": float(count) for name, count in done.items()}
    scores = {name: _files(context.folder, name) for name in scorers}
    source = context.study.source(context.partition or "")
    copies = 1 - _distinct(scores["fingerprint"]) / max(1, shards.documents)
    checks = (
        *_checks(shards, scores, failures, copies),
        _failure_check(source, shards, failures),
        check_written(context.study, source, corpus, scores, copies),
    )
    metrics = {"documents": shards.documents, "failures": failures.num_rows}
    return BuildResult(checks, measured, metrics)


def _scorers(study: Study) -> tuple[str, ...]:
    """All that is asked: of documents, then of sentences."""
    return (*study.scorers, *map(sentence_scorer, study.sentence_scorers))


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


def _tasks(context: BuildContext, shards: _Shards, earlier: Earlier) -> list[ShardTask]:
    """What is neither taken over from the current version nor was finished before a kill."""
    scoring = scoring_context(context.study)
    open_tasks: list[tuple[str, int]] = []
    for scorer in _scorers(context.study):
        for number, digest in enumerate(shards.digests):
            name = file_names.shard(file_names.scores(scorer), number)
            if same := earlier.shard(scorer, number, digest):
                link_file(same, context.folder / name)
            elif not has_seal(*_sealed(context.work, name)):
                open_tasks.append((scorer, number))
    changed = sorted({shards.paths[number] for _, number in open_tasks})
    overlaps = earlier.overlaps(changed)
    classifiers = {one.scorer: one.name for one in context.study.classifiers}
    return [
        ShardTask(
            shards.paths[number],
            scorer,
            context.parents.one(chain.CLASSIFIER, classifiers[base]).path
            if (base := scorer.removesuffix(SENTENCE)) in classifiers
            else None,
            scoring,
            earlier.files(scorer, overlaps[shards.paths[number]]),
            context.work / file_names.shard(file_names.scores(scorer), number),
            context.work / FAILED / file_names.shard(file_names.scores(scorer), number),
        )
        for scorer, number in open_tasks
    ]


def _sealed(work: Path, name: str) -> tuple[Path, str, dict[str, Path]]:
    """Where the seal of a shard's scores lies, for which place, and over what."""
    files = {"scores": work / name, "failures": work / FAILED / name}
    return (work / name).with_suffix(SUFFIX), f"{place_of(work)}/{name}", files


def _files(folder: Path, scorer: str) -> list[Path]:
    return sorted((folder / file_names.scores(scorer)).glob("*.parquet"))


def _gather_failures(context: BuildContext, shards: _Shards, earlier: Earlier) -> pa.Table:
    """Those that were found now, and those of documents that were not asked again."""
    names = (
        file_names.shard(file_names.scores(scorer), number)
        for scorer in _scorers(context.study)
        for number in range(len(shards.paths))
    )
    places = (context.work / FAILED / name for name in names)
    found = [pq.read_table(path) for path in places if path.exists()]
    before = earlier.failures()
    for path in shards.paths if before.num_rows else ():
        ids = pq.read_table(path, columns=["document_id"])["document_id"]
        found.append(before.filter(pc.is_in(before["document_id"], ids)))
    order = [("scorer", "ascending"), ("document_id", "ascending")]
    return pa.concat_tables([FAILURES.empty_table(), *found]).sort_by(order)


def _failure_check(source: Source, shards: _Shards, failures: pa.Table) -> Check:
    failed = pc.count_distinct(failures["document_id"]).as_py()
    share, allowed = failed / max(1, shards.documents), source.max_quarantined_share
    first = failures.slice(0, 1).to_pylist()
    said = (
        f": {first[0]['scorer']} on {first[0]['document_id']}: {first[0]['reason']}"
        if first
        else ""
    )
    field = "" if share <= allowed else f"; max_quarantined_share of {source.name} allows more"
    return Check(
        name="documents_scored",
        passed=share <= allowed,
        summary=f"{failed:,} of {shards.documents:,} documents could not be scored{said}"
        f" ({share:.3%}, {allowed:.3%} allowed{field}).",
    )


def _checks(
    shards: _Shards, scores: Mapping[str, Sequence[Path]], failures: pa.Table, copies: float
) -> tuple[Check, ...]:
    strays, missing = [], []
    for name, files in scores.items():
        for path, scored in zip(shards.paths, files, strict=True):
            found = pq.read_table(scored)
            ids = pq.read_table(path, columns=["document_id"])["document_id"]
            if not found["document_id"].equals(ids):
                strays.append(name)
            own = failures.filter(pc.equal(failures["scorer"], name))["document_id"]
            scored_rows = found.filter(pc.invert(pc.is_in(ids, own)))
            columns = found.column_names[1:]
            missing += [f"{name}.{one}" for one in columns if not _in_range(scored_rows[one])]
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
            passed=copies <= MOST_DUPLICATES,
            summary=f"{copies:.1%} are exact duplicates of another.",
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
    """Numbers are there, finite and not negative."""
    if column.type not in NUMBERS:
        return True
    if column.null_count:
        return False
    values = pc.cast(column, pa.float64())
    return bool(pc.all(pc.and_(pc.is_finite(values), pc.greater_equal(values, 0))).as_py())


def parents(study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """The source's documents, and the study's classifiers."""
    trained = (ParentSpec(chain.CLASSIFIER, one.name) for one in study.classifiers)
    return (ParentSpec(chain.RAW_CORPUS, partition), *trained)


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The lexicons and evaluation items that the scorers look at."""
    context = scoring_context(study)
    return {name: scorer.inputs(context) for name, scorer in study_scorers(study).items()}


STEP = Step(
    asset=chain.SCORED_CORPUS,
    kinds=frozenset({"python", "parquet"}),
    description=(
        "What each scorer found in each document: length, duplicate fingerprint, whether it speaks "
        "of AI systems (and by which word), whether it holds an evaluation item, and what the "
        "study's classifiers say. A document is scored once; what a recipe makes of the scores is "
        "decided later, in `dispositions`."
    ),
    code_version="2",
    modules=("scoring/__init__.py", "evaluation/suites/loader.py"),
    parents=parents,
    config=lambda study, _partition: {"scorers": list(_scorers(study))},
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={
        "documents_preserved": "Every scorer gives one row a document: none lost, none invented.",
        "documents_scored": "No more documents failed a scorer than the source allows.",
        "scores_in_range": "Every score is there, finite and not negative.",
        "duplicates_leave_the_source": "Duplicates do not wipe out the source.",
    },
    warnings={written_check.NAME: written_check.MEANING},
)
