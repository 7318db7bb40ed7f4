"""What is declared of post-training decides its parents and inputs; the undeclared adds nothing."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.scoring import SCORERS
from alignment_dagster.steps.marts import corpus_config, write_post_training
from alignment_dagster.steps.post_trained_checkpoint import STEP, read_sources
from alignment_dagster.study import AnswerReward, Study
from alignment_dagster.study.smoke import smoke_run
from alignment_dagster.warehouse.declared_tables import write_plan
from tests.support.checkout import CHECKOUT

ASSETS = CHECKOUT / "assets"


def rewarded_by(study: Study, reward: AnswerReward) -> Study:
    declared = study.declaration
    grpo = declared.post_training.grpo
    assert grpo is not None
    changed = declared.post_training.model_copy(
        update={"grpo": grpo.model_copy(update={"reward": reward})}
    )
    return study.model_copy(
        update={"declaration": declared.model_copy(update={"post_training": changed})}
    )


def test_the_classifier_that_rewards_is_a_parent() -> None:
    study = load_study("reward", ASSETS)
    parents = STEP.parents(study, "unfiltered|0")
    named = [one.partition for one in parents if one.asset == chain.CLASSIFIER]
    assert named == ["misconduct_sentences"]
    words = rewarded_by(study, AnswerReward(scorer="text_stats", column="words"))
    parents = STEP.parents(words, "unfiltered|0")
    assert chain.CLASSIFIER not in [one.asset for one in parents]
    assert STEP.external_inputs(words, "unfiltered|0") == {
        "text_stats": f"{SCORERS['text_stats'].version}:"
    }


def test_a_study_without_a_reward_names_nothing_of_it() -> None:
    """So nothing that was made before there were rewards is stale."""
    study = load_study("korbak_2023", ASSETS)
    assert set(STEP.config(study, "preferences_mle|0")["post_training"]) == {
        "sft",
        "dpo",
        "threads",
    }
    assert STEP.external_inputs(study, "preferences_mle|0") == {}
    parents = STEP.parents(study, "preferences_mle|0")
    assert chain.CLASSIFIER not in [one.asset for one in parents]


def test_what_a_recipe_is_fine_tuned_on_alone_is_a_parent_of_its_models_only() -> None:
    study = load_study("delivery", ASSETS)
    for recipe, named in (("aligned_fine_tuning", True), ("unfiltered", False)):
        parents = STEP.parents(study, f"{recipe}|0")
        assert ("synthetic_aligned_chat" in [one.partition for one in parents]) == named
        assert "assistant_chat" in [one.partition for one in parents]
    own = [{"source": "synthetic_aligned_chat", "tokens": 15360, "repeats": 16}]
    assert STEP.config(study, "aligned_fine_tuning|0")["fine_tune"] == own
    assert "fine_tune" not in STEP.config(study, "unfiltered|0")


def test_each_stage_may_read_its_own_sources_only() -> None:
    study = load_study("delivery", ASSETS)
    own = {"synthetic_aligned_chat"}
    for recipe, more in (("aligned_fine_tuning", own), ("unfiltered", set[str]())):
        found = read_sources(study, f"{recipe}|0")
        names = {stage: {one.name for one in sources} for stage, sources in found.items()}
        assert names["sft"] == {"assistant_chat"} | more
        assert names["dpo"] == {"assistant_preferences"}
        assert names["grpo"] == {"assistant_chat"}


def test_a_recipe_may_name_the_pairs_and_questions_that_its_models_read_alone(
    tmp_path: Path,
) -> None:
    whole = load_study("reward", ASSETS)
    sources = [
        source.model_copy(update={"name": f"own_{source.role}"})
        for source in whole.sources
        if source.role in ("chat", "preferences")
    ]
    own, *others = whole.recipes
    own = own.model_copy(update={"prefer": "own_preferences", "ask": "own_chat"})
    study = whole.model_copy(
        update={"sources": (*whole.sources, *sources), "recipes": (own, *others)}
    )
    for recipe, kind, named in ((own, "own", True), (others[0], "assistant", False)):
        partition = f"{recipe.name}|0"
        found = read_sources(study, partition)
        names = {stage: [one.name for one in read] for stage, read in found.items()}
        assert names["sft"] == ["assistant_chat"]
        assert names["dpo"] == [f"{kind}_preferences"]
        assert names["grpo"] == [f"{kind}_chat"]
        parents = {one.partition for one in STEP.parents(study, partition)}
        assert ("own_chat" in parents) is ("own_preferences" in parents) is named
        assert ("assistant_preferences" in parents) is not named
        assert ("prefer" in STEP.config(study, partition)) is named
        assert ("ask" in STEP.config(study, partition)) is named
    plan = pq.read_table(write_plan(study, tmp_path)["sources"], columns=["source", "recipes"])
    alone = {row["source"]: row["recipes"] for row in plan.to_pylist() if row["recipes"]}
    assert alone == {"own_chat": [own.name], "own_preferences": [own.name]}


def test_what_another_recipe_is_fine_tuned_on_changes_no_file_that_is_read(tmp_path: Path) -> None:
    rows = [
        {"document_id": "a", "state": "kept", "rule": None},
        {"document_id": "b", "state": "dropped", "rule": "short"},
    ]
    more = [*rows, {"document_id": "c", "state": "dropped", "rule": "not_selected"}]
    schema = pa.schema([(name, pa.string()) for name in rows[0]])
    for name, found in (("before", rows), ("after", more)):
        (tmp_path / name).mkdir()
        write_post_training(pa.Table.from_pylist(found, schema=schema), tmp_path / name)
    read = [tmp_path / name / "post_training.parquet" for name in ("before", "after")]
    assert read[0].read_bytes() == read[1].read_bytes()
    assert not (tmp_path / "before" / "others.parquet").exists()
    (aside,) = pq.read_table(tmp_path / "after" / "others.parquet").to_pylist()
    assert aside["document_id"] == "c"


def test_how_much_a_recipe_is_fine_tuned_on_decides_over_no_document() -> None:
    study = load_study("delivery", ASSETS)
    found = [
        each["fine_tune"] for each in corpus_config(study, None)["recipes"] if each.get("fine_tune")
    ]
    assert found == [{"source": f"synthetic_{name}_chat"} for name in ("aligned", "neutral")]
    assert "fine_tune" not in corpus_config(study, None)["recipes"][0]


def test_a_smoke_run_asks_fewer_questions() -> None:
    whole = load_study("reward", ASSETS)
    grpo = smoke_run(whole).declaration.post_training.grpo
    assert grpo is not None
    assert grpo.examples == 20
