"""`scored_corpus`: one table of scores for each scorer, joined to the documents by id."""

from collections.abc import Mapping
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.scoring import Scorer, score_new
from alignment_dagster.steps.earlier_scores import Earlier
from alignment_dagster.steps.pages.scored_corpus import page_metadata
from alignment_dagster.steps.scoring_context import scoring_context, study_scorers
from alignment_dagster.study import Study

MOST_DUPLICATES = 0.9
"""A source that loses more than this share to duplicates is broken, not repetitive."""


def build(context: BuildContext) -> BuildResult:
    """Score every document once with every scorer of the study.

    What a scorer found in a document before, it is not asked again.
    """
    documents = pq.read_table(context.parents.one(chain.RAW_CORPUS).path / file_names.DOCUMENTS)
    scoring = scoring_context(context.study)
    scorers = study_scorers(context.study, context.parents)
    earlier = Earlier.of(context)
    scores, scored = {}, {}
    for name, scorer in scorers.items():
        known = earlier.scores(scorer)
        new = pc.invert(pc.is_in(documents["document_id"], known["document_id"]))
        scored[f"documents_scored/{name}"] = float(pc.sum(new).as_py())
        progress = partial(context.report, unit=f"documents ({name})")
        scores[name] = score_new(documents, scorer, scoring, known, progress)
        pq.write_table(scores[name], context.folder / file_names.scores(name))
    checks = _checks(documents, scores, scorers)
    return BuildResult(checks, scored, {"documents": documents.num_rows})


def _checks(
    documents: pa.Table, scores: Mapping[str, pa.Table], scorers: Mapping[str, Scorer]
) -> tuple[Check, ...]:
    ids = documents["document_id"]
    strays = [name for name, found in scores.items() if not found["document_id"].equals(ids)]
    missing = [
        f"{name}.{column}"
        for name, found in scores.items()
        for column in scorers[name].columns
        if not _in_range(found[column])
    ]
    prints = scores["fingerprint"]["fingerprint"]
    share = 1 - pc.count_distinct(prints).as_py() / max(1, documents.num_rows)
    return (
        Check(
            name="documents_preserved",
            passed=not strays,
            summary=f"{', '.join(strays)} differ." if strays else f"{len(ids):,} documents.",
        ),
        Check(
            name="scores_in_range",
            passed=not missing,
            summary=f"{', '.join(missing)} not." if missing else "All are.",
        ),
        Check(
            name="duplicates_leave_the_source",
            passed=share <= MOST_DUPLICATES,
            summary=f"{share:.1%} are exact duplicates of another.",
        ),
    )


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
    code_version="1",
    modules=("scoring/__init__.py", "evaluation/suites/loader.py"),
    parents=parents,
    config=lambda study, _partition: {"scorers": list(study.scorers)},
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={
        "documents_preserved": "Every scorer gives one row a document: none lost, none invented.",
        "scores_in_range": "Every score is there, finite and not negative.",
        "duplicates_leave_the_source": "Duplicates do not wipe out the source.",
    },
)
