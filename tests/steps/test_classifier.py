"""A classifier in the graph: trained once, its scores in `scored_corpus`, figures on its page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alignment_dagster import chain
from alignment_dagster.chain import CLASSIFIER, RAW_CORPUS, SCORED_CORPUS
from alignment_dagster.defs.assets import asset
from alignment_dagster.defs.resources import resources
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.current import current_version
from alignment_dagster.graph.staleness import VerifiedStaleness
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.running.plan import Selection, waves
from alignment_dagster.steps.registry import STEPS
from tests.support.tiny_study import NAME, RECIPES, TinyStudy

AI: Mapping[str, Any] = {
    "name": "ai",
    "description": "d",
    "tells": {"kind": "binary", "positive": "ai", "negative": "other"},
    "sources": [{"source": "ai_news", "label": "ai"}, {"source": "stories", "label": "other"}],
    "beside": {"scorer": "ai_discourse", "column": "flagged", "above": 0.5},
}
RULE = {"rule": "ai", "scorer": "classifier:ai", "column": "score", "above": 0.5}


def declare(study: TinyStudy, **fields: Any) -> None:
    study.write("classifiers/ai", {**AI, **fields})
    study.write(
        "recipes/filtered", {"name": "filtered", "description": "d", **RECIPES["filtered"],
                             "drop": [RULE]}
    )  # fmt: skip
    study.change(classifiers=["ai"], recipes=["unfiltered", "filtered"])


def run(instance: dg.DagsterInstance, study: TinyStudy) -> dict[tuple[str, str], Artifact]:
    """Bring the three up to date; what had to run, as it is then."""
    loaded, lake = study.load(), Lake(Home.from_environment().lake)
    made = {}
    for task in (task for wave in waves(loaded, Selection(last=SCORED_CORPUS)) for task in wave):
        partition = task.partition or ""
        stale = VerifiedStaleness(instance, lake, loaded).stale(task.steps, partition)
        for step in stale:
            result = dg.materialize(
                [asset(STEPS[name], loaded) for name in (RAW_CORPUS, CLASSIFIER, SCORED_CORPUS)],
                selection=[dg.AssetKey([NAME, step.asset])],
                resources=resources(),
                partition_key=partition,
                instance=instance,
            )
            assert result.success
            version = current_version(instance, lake, NAME, step.asset, partition) or ""
            made[step.asset, partition] = lake.open(NAME, step.asset, partition, version)
    return made


def asked(artifact: Artifact) -> dict[str, float]:
    """Scorer → of how many documents it was asked."""
    measured = artifact.provenance.measured
    return {name.removeprefix("documents_scored/"): float(n) for name, n in measured.items()}


@pytest.mark.slow
def test_it_is_trained_from_labelled_sources_and_scores_every_document(
    tiny: TinyStudy, tmp_path: Path
) -> None:
    declare(tiny)
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        made = run(instance, tiny)
        trained, scored = made[CLASSIFIER, "ai"], made[SCORED_CORPUS, "ai_news"]
        examples = pq.read_table(trained.path / file_names.EXAMPLES)
        assert examples.num_rows == 190
        held_out = examples.filter(pc.equal(examples["use"], "held_out"))
        assert held_out["score"].null_count == 0
        assert examples["score"].null_count == 190 - held_out.num_rows
        # what is quoted of a held-out document is what the corpus is scored with
        scores = pq.read_table(scored.path / file_names.scores("classifier:ai"))
        own = held_out.filter(pc.equal(held_out["source"], "ai_news"))
        at = pc.index_in(own["document_id"], scores["document_id"])
        assert scores["score"].take(at).equals(own["score"])
        assert float(pc.mean(scores["score"]).as_py()) > 0.5
        page = STEPS[CLASSIFIER].page_metadata(tiny.load(), trained)
        assert r"ai\_discourse" in page["thresholds"].value
        assert "ai_news (ai), stories (other)" in page["trained_on"]
        assert len(page["plot"].value) < 1000
        assert not trained.provenance.failed
        # nothing changed: nothing runs; another split: the classifier's columns alone
        assert run(instance, tiny) == {}
        declare(tiny, seed=1)
        again = run(instance, tiny)
        assert {name for name, _ in again} == {CLASSIFIER, SCORED_CORPUS}
        assert {asked(one)["fingerprint"] for (name, _), one in again.items()
                if name == SCORED_CORPUS} == {0.0}  # fmt: skip
        assert asked(again[SCORED_CORPUS, "stories"])["classifier:ai"] == 150
        # made again from the same inputs it has the same bytes
        declare(tiny)
        assert run(instance, tiny)[CLASSIFIER, "ai"].digest == trained.digest


@pytest.mark.slow
def test_too_few_labels_stop_it_with_one_message(tiny: TinyStudy, tmp_path: Path) -> None:
    declare(tiny, held_out_share=0.9)
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        with pytest.raises(dg.Failure, match=r"classifier ai: label 'other' of stories: \d+"):
            run(instance, tiny)
        assert (
            current_version(instance, Lake(Home.from_environment().lake), NAME, CLASSIFIER, "ai")
            is None
        )


def test_a_study_without_classifiers_reads_and_scores_a_source_in_one_run(
    tiny: TinyStudy,
) -> None:
    first = next(iter(waves(tiny.load(), Selection())))
    assert [step.asset for step in first[0].steps] == [RAW_CORPUS, SCORED_CORPUS]
    declare(tiny)
    found = [[step.asset for step in tasks[0].steps] for tasks in waves(tiny.load(), Selection())]
    assert found[:3] == [[RAW_CORPUS], [CLASSIFIER], [SCORED_CORPUS]]
    assert found[3] == [chain.DOCUMENTS, chain.DISPOSITIONS]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sources": [{"source": "ai_new", "label": "ai"}, AI["sources"][1]]},
         r"ai\.yaml:\d+: sources\.0\.source: study 'tiny' has no source 'ai_new'; did you mean"),
        ({"beside": {"scorer": "ai_discourse", "column": "flaged", "above": 0.5}},
         r"beside\.column: ai_discourse has no number 'flaged'"),
        ({"beside": {"scorer": "language", "column": "x", "above": 0.5}},
         r"beside\.scorer: study 'tiny' has no scorer 'language'"),
        ({"tells": {"kind": "ordinal", "highest": 1}}, r"label 'ai' is none of 0, 1"),
        ({"model": {"kind": "transformers", "hub": "a/b"}}, r"`revision` names the commit"),
    ],
)  # fmt: skip
def test_mistakes_are_said_with_file_and_field(
    tiny: TinyStudy, fields: Mapping[str, Any], message: str
) -> None:
    declare(tiny, **fields)
    with pytest.raises(DeclarationError, match=message):
        tiny.load()


def test_a_rule_can_name_only_a_classifier_of_the_study(tiny: TinyStudy) -> None:
    declare(tiny)
    rule = {**RULE, "scorer": "classifier:ia"}
    tiny.write("recipes/filtered", {"name": "filtered", "description": "d",
                                    "remainder": "natural", "drop": [rule]})  # fmt: skip
    with pytest.raises(DeclarationError, match="has no scorer 'classifier:ia'; did you mean"):
        tiny.load()
