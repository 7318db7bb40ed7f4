"""`classifier`: what documents are, learnt from labelled sources and measured on held-out ones."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
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
from alignment_dagster.lineage.shards import read_tables, shard_files
from alignment_dagster.scoring import SCORERS, ScoringContext
from alignment_dagster.scoring.classifiers.examples import (
    HELD_OUT,
    LEAST,
    TRAINED,
    LabelledDocuments,
    choose_examples,
    ids_for,
    read_texts,
)
from alignment_dagster.scoring.classifiers.quality import Flags, Quality, measure
from alignment_dagster.scoring.classifiers.train import train
from alignment_dagster.scoring.classifiers.trained import Trained, make_scorer
from alignment_dagster.steps.pages.classifier import page_metadata
from alignment_dagster.steps.scoring_context import scoring_context
from alignment_dagster.study import Classifier, Study
from alignment_dagster.study.classifiers import LabelledSource

CONTAMINATION = "contamination"


def build(context: BuildContext) -> BuildResult:
    """Choose examples, learn from some, and measure on the rest."""
    study = context.study
    classifier = study.classifier(context.partition or "")
    corpora = _labelled(context, classifier)
    scoring = scoring_context(study)
    find = SCORERS[CONTAMINATION].bind(scoring)
    examples = choose_examples(
        classifier,
        corpora,
        study.declaration.held_out_share,
        lambda texts: find(texts)["item_id"].to_pylist(),
    )
    trained = train(classifier, corpora, examples, partial(context.report, unit="documents"))
    trained.save(context.folder)
    held_out, quality = _measure(trained, corpora, examples, scoring)
    tables = {
        file_names.EXAMPLES: _with_scores(examples, held_out),
        file_names.THRESHOLDS: quality.thresholds,
        file_names.CALIBRATION: quality.calibration,
        file_names.CONFUSION: quality.confusion,
    }
    for name, table in tables.items():
        pq.write_table(table, context.folder / name)
    counts = {use: float(len(ids_for(examples, use))) for use in LEAST}
    return BuildResult(_checks(classifier, counts, quality), metrics={**counts, **quality.metrics})


def _labelled(context: BuildContext, classifier: Classifier) -> list[LabelledDocuments]:
    return [
        LabelledDocuments(
            one.source,
            str(one.label) if one.column is None else _labels(context, classifier, one),
            shard_files(
                context.parents.one(chain.RAW_CORPUS, one.source), file_names.RAW_DOCUMENTS
            ),
        )
        for one in classifier.sources
    ]


def _labels(
    context: BuildContext, classifier: Classifier, labelled: LabelledSource
) -> Mapping[str, str]:
    """Document → what its source says that it is, where that is one of the labels."""
    corpus = context.parents.one(chain.RAW_CORPUS, labelled.source)
    table = read_tables(shard_files(corpus, file_names.METADATA))
    rows = table.filter(pc.equal(table["column"], labelled.column)).to_pylist()
    said = {
        row["document_id"]: row["text"] if row["number"] is None else f"{row['number']:g}"
        for row in rows
    }
    return {one: label for one, label in said.items() if label in classifier.tells.labels}


def _measure(
    trained: Trained,
    corpora: Sequence[LabelledDocuments],
    examples: pa.Table,
    scoring: ScoringContext,
) -> tuple[pa.Table, Quality]:
    """The held-out documents with their scores and likeliest labels, and how good those are."""
    classifier = trained.classifier
    wanted, beside = ids_for(examples, HELD_OUT), classifier.beside
    compared = SCORERS[beside.scorer].bind(scoring) if beside is not None else None
    ids: list[str] = []
    labels: list[str] = []
    scores: list[pa.Table] = []
    flags: list[Flags] = []
    for corpus in corpora:
        for found, texts in read_texts(corpus.files, wanted):
            ids += found
            labels += [corpus.label_of(one) or "" for one in found]
            scores.append(trained.score(texts))
            if compared is not None and beside is not None:
                values = pc.cast(compared(texts)[beside.column], pa.float64()).to_numpy()
                flags.append(values > beside.above)
    table = pa.concat_tables(scores)
    quality = measure(classifier, labels, table, np.concatenate(flags) if flags else None)
    held_out = table.add_column(0, "document_id", pa.array(ids))
    return held_out.append_column("predicted", pa.array(quality.predicted)), quality


def _with_scores(examples: pa.Table, held_out: pa.Table) -> pa.Table:
    """The examples with what is said of the held-out ones; of others it would be no news."""
    at = pc.index_in(examples["document_id"], held_out["document_id"])
    for name in held_out.column_names[1:]:
        examples = examples.append_column(name, held_out[name].take(at))
    return examples


def _checks(
    classifier: Classifier, counts: Mapping[str, float], quality: Quality
) -> tuple[Check, ...]:
    share = quality.metrics["mean_recall"]
    labels = len(classifier.tells.labels)
    return (
        Check(
            name="enough_labels",
            passed=True,
            summary=f"{counts[TRAINED]:,.0f} trained on, {counts[HELD_OUT]:,.0f} held out.",
        ),
        Check(
            name="better_than_chance",
            passed=quality.above_chance,
            summary=f"Mean recall of the {labels} labels: {share:.3f} (chance: {1 / labels:.3f}).",
            blocking=False,
        ),
    )


def parents(study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """The documents of its labelled sources."""
    names = study.classifier(partition or "").source_names
    return tuple(ParentSpec(chain.RAW_CORPUS, name) for name in names)


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The classifier, and which documents the study holds out."""
    return {
        "classifier": study.classifier(partition or "").settings,
        "held_out_share": study.declaration.held_out_share,
    }


def external_inputs(study: Study, partition: Partition) -> Mapping[str, str]:
    """The evaluation items, what stands beside it, and the model that it is trained over."""
    classifier, scoring = study.classifier(partition or ""), scoring_context(study)
    beside = classifier.beside
    names = (CONTAMINATION, *((beside.scorer,) if beside is not None else ()))
    model = make_scorer(classifier).inputs(scoring)
    return {**{name: SCORERS[name].inputs(scoring) for name in names}, "model": model}


STEP = Step(
    asset=chain.CLASSIFIER,
    kinds=frozenset({"python", "scikitlearn"}),
    description=(
        "Tells what a document is, learnt from labelled sources. What it learnt from, what was "
        "held out, and what was left out and why stands in `examples.parquet`; its precision, "
        "recall and calibration are those on the held-out documents. Documents that hold an "
        "evaluation item, and those that the study holds out, are not learnt from."
    ),
    code_version="1",
    modules=(
        "scoring/classifiers/trained.py",
        "scoring/classifiers/train.py",
        "scoring/classifiers/examples.py",
        "scoring/classifiers/quality.py",
    ),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={"enough_labels": "Each label has documents to learn from, and others to measure on."},
    warnings={"better_than_chance": "It recognises the labels better than chance would."},
    exists=lambda study: bool(study.classifiers),
)
