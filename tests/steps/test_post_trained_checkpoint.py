"""What is declared of post-training decides its parents and inputs; the undeclared adds nothing."""

from alignment_dagster import chain
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.scoring import SCORERS
from alignment_dagster.steps.post_trained_checkpoint import STEP
from alignment_dagster.study import AnswerReward, Study
from alignment_dagster.study.smoke import smoke_run
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
    own = [{"source": "synthetic_aligned_chat", "tokens": 15360}]
    assert STEP.config(study, "aligned_fine_tuning|0")["fine_tune"] == own
    assert "fine_tune" not in STEP.config(study, "unfiltered|0")


def test_a_smoke_run_asks_fewer_questions() -> None:
    whole = load_study("reward", ASSETS)
    grpo = smoke_run(whole).declaration.post_training.grpo
    assert grpo is not None
    assert grpo.examples == 20
