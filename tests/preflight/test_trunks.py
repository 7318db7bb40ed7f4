"""What a recipe may branch from, and how many steps and tokens are whose."""

from typing import Any

import pytest

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.preflight.study_check import check_study
from alignment_dagster.running.plan import Selection, waves
from alignment_dagster.steps import curated_mix, marts, pretrained_checkpoint, trunk_checkpoint
from alignment_dagster.steps.registry import STEPS
from alignment_dagster.study import Study
from alignment_dagster.study.smoke import smoke_run
from tests.support.tiny_study import STUDY, TinyStudy

STEPS_IN_ALL, A_STEP = 13, 8 * 128
"""Of the tiny study: 100 sequences of 128 tokens, 8 a step."""


def branched(tiny: TinyStudy, *shares: float, **changes: Any) -> Study:
    """`unfiltered`, and a branch of it for each share."""
    names = []
    for number, share in enumerate(shares):
        names.append(f"branch_{number}")
        trunk = {"recipe": "unfiltered", "share": share}
        recipe = {"name": names[-1], "description": "d", "remainder": "natural", "trunk": trunk}
        tiny.write(f"recipes/{names[-1]}", {**recipe, **changes})
    tiny.change(recipes=["unfiltered", "aligned", *names])
    return tiny.load()


def test_a_branch_s_mix_holds_what_its_trunk_leaves(tiny: TinyStudy) -> None:
    study = branched(tiny, 0.5, 0.75)
    assert study.pretraining_steps == STEPS_IN_ALL
    assert study.trunk_recipes == ("unfiltered",)
    assert study.branch_steps("unfiltered") == (6, 10)
    assert study.mix("unfiltered") == study.declaration.mix
    assert study.mix("branch_0").tokens == 12800 - 6 * A_STEP
    assert study.mix("branch_1").tokens == 12800 - 10 * A_STEP
    assert curated_mix.config(study, "branch_1")["mix"]["tokens"] == 12800 - 10 * A_STEP


def test_a_study_without_trunks_declares_what_it_did_before_there_were_any(
    tiny: TinyStudy,
) -> None:
    study = tiny.load()
    assert not STEPS["trunk_checkpoint"].exists(study)
    assert set(pretrained_checkpoint.config(study, "aligned|0")) == {
        "model", "pretraining", "sequence_length", "seed",
    }  # fmt: skip
    parents = [spec.asset for spec in pretrained_checkpoint.parents(study, "aligned|0")]
    assert parents == ["curated_mix", "tokenizer"]
    assert "trunk" not in study.recipe("aligned").model_dump(mode="json")
    decided = [one["name"] for one in marts.corpus_config(study, None)["recipes"]]
    assert decided == ["unfiltered", "aligned"]


def test_a_trunk_decides_nothing_over_documents(tiny: TinyStudy) -> None:
    found = marts.corpus_config(branched(tiny, 0.5), None)
    again = marts.corpus_config(branched(tiny, 0.75), None)
    assert found == again


def test_a_branch_and_the_trunk_s_own_model_go_on_from_one_state(tiny: TinyStudy) -> None:
    study = branched(tiny, 0.5, 0.75)
    read = {
        recipe: [
            (spec.partition, spec.part)
            for spec in pretrained_checkpoint.parents(study, f"{recipe}|1")
            if spec.asset == "trunk_checkpoint"
        ]
        for recipe in ("unfiltered", "aligned", "branch_0", "branch_1")
    }
    state = "states/{:08d}/tensors.safetensors"
    assert read == {
        "unfiltered": [("unfiltered|1", state.format(10))],
        "aligned": [],
        "branch_0": [("unfiltered|1", state.format(6))],
        "branch_1": [("unfiltered|1", state.format(10))],
    }
    assert trunk_checkpoint.config(study, "unfiltered|1")["branch_steps"] == [6, 10]


def test_a_branch_alone_brings_its_trunk_and_the_trunk_s_mix(tiny: TinyStudy) -> None:
    study = branched(tiny, 0.5)
    tasks = [
        task.label
        for wave in waves(study, Selection(("branch_0",), (1,), "curated_mix", "evaluation"))
        for task in wave
    ]
    assert tasks == [
        "curated_mix[unfiltered]",
        "curated_mix[branch_0]",
        "trunk_checkpoint[unfiltered|1]",
        "pretrained_checkpoint[branch_0|1]",
    ]


def test_in_a_smoke_run_trunk_and_branch_have_a_step_at_least(tiny: TinyStudy) -> None:
    smoke = smoke_run(branched(tiny, 0.08, 0.95))
    assert smoke.branch_steps("unfiltered")[0] > 0
    assert smoke.branch_steps("unfiltered")[-1] < smoke.pretraining_steps
    assert all(smoke.mix(name).tokens > 0 for name in ("branch_0", "branch_1"))


@pytest.mark.parametrize(
    ("trunk", "said"),
    [
        ({"recipe": "unfilterd", "share": 0.5},
         "trunk.recipe: study 'tiny' has no other recipe 'unfilterd'; did you mean 'unfiltered'"),
        ({"recipe": "branch_0", "share": 0.5}, "has no other recipe 'branch_0'"),
        ({"recipe": "unfiltered", "share": 0.97},
         "trunk.share: leaves no step to its own mix: the study 'tiny' has 13 steps"),
        ({"recipe": "unfiltered", "share": 0.01}, "leaves no step to its trunk"),
        ({"recipe": "unfiltered", "share": 1.0}, "trunk.share: .*less than 1"),
        ({"recipe": "twig", "share": 0.5},
         "trunk.recipe: 'twig' has a trunk itself: branch from 'unfiltered'"),
        ({"recipe": "short", "share": 0.5}, "'short' has `replacement: nothing`"),
    ],
)  # fmt: skip
def test_what_cannot_be_branched_from_is_refused_with_its_line(
    tiny: TinyStudy, trunk: dict[str, Any], said: str
) -> None:
    plain = {"description": "d", "remainder": "natural"}
    on = {"recipe": "unfiltered", "share": 0.5}
    tiny.write("recipes/twig", {"name": "twig", **plain, "trunk": on})
    tiny.write("recipes/short", {"name": "short", **plain, "replacement": "nothing"})
    tiny.write("recipes/branch_0", {"name": "branch_0", **plain, "trunk": trunk})
    tiny.change(recipes=["unfiltered", "twig", "short", "branch_0"])
    with pytest.raises(DeclarationError, match=rf"branch_0.yaml.*{said}"):
        tiny.load()


def test_a_study_that_trains_by_itself_has_no_trunks(tiny: TinyStudy) -> None:
    branched(tiny, 0.5)
    training = {"when": "always"}
    budget = {"period": "day", "runs": 1}
    tiny.change(refresh={"training": training, "budget": budget})
    with pytest.raises(DeclarationError, match="trains by itself"):
        tiny.load()


REWARD = {"scorer": "ai_discourse", "column": "flagged", "sign": -1}
WEIGHED = {"reward": REWARD, "beta": 1.0}
ADVANTAGE, REWARDED = ({"kind": f"{one}_weighted", **WEIGHED} for one in ("advantage", "reward"))


@pytest.mark.parametrize(
    ("before", "after"), [(None, ADVANTAGE), (ADVANTAGE, None), (ADVANTAGE, REWARDED)]
)
def test_a_branch_minimises_what_it_declares_whatever_its_trunk_did(
    tiny: TinyStudy, before: object, after: object
) -> None:
    for name, objective in (("stem", before), ("branch", after)):
        own = {"objective": objective} if objective else {}
        on = {"trunk": {"recipe": "stem", "share": 0.5}} if name == "branch" else {}
        recipe = {"name": name, "description": "d", "remainder": "natural", **own, **on}
        tiny.write(f"recipes/{name}", recipe)
    tiny.change(recipes=["unfiltered", "stem", "branch"])
    study = tiny.load()
    for config, recipe in (
        (trunk_checkpoint.config(study, "stem|0"), "stem"),
        (pretrained_checkpoint.config(study, "branch|0"), "branch"),
    ):
        declared = study.recipe(recipe).model_dump(mode="json").get("objective")
        assert config.get("objective") == declared


def test_a_stage_s_schedule_is_its_own_and_the_rest_the_study_s(tiny: TinyStudy) -> None:
    tiny.change(pretraining={"batch_size": 8, "learning_rate": 0.01, "warmup_share": 0.05})
    own = {"schedule": "linear", "learning_rate": 0.002}
    trunk = {"recipe": "unfiltered", "share": 0.5, "schedule": own}
    study = branched(tiny, 0.5, trunk=trunk)
    found = pretrained_checkpoint.config(study, "branch_0|0")
    assert found["trunk"]["own_schedule"] is True
    plain = trunk_checkpoint.config(study, "unfiltered|0")["pretraining"]
    assert found["pretraining"] == {**plain, **own}
    assert plain["learning_rate"] == 0.01


def test_a_schedule_longer_than_its_stage_is_refused(tiny: TinyStudy) -> None:
    tiny.change(pretraining={"batch_size": 8, "learning_rate": 0.01, "warmup_share": 0.5})
    trunk = {"recipe": "unfiltered", "share": 0.5}
    late = {"schedule": "wsd", "decay_share": 0.7}
    said = r"branch_0.yaml:\d+: trunk.schedule: .* longer than the training: together they are 1.2"
    with pytest.raises(DeclarationError, match=said):
        branched(tiny, 0.5, trunk={**trunk, "schedule": late})


def test_a_stage_has_sequences_of_its_own_length_in_as_many_steps_and_tokens(
    tiny: TinyStudy,
) -> None:
    trunk = {"recipe": "unfiltered", "share": 0.5, "sequence_length": 256}
    study = branched(tiny, 0.5, trunk=trunk)
    plain, long = (
        pretrained_checkpoint.config(study, f"{name}|0") for name in ("aligned", "branch_0")
    )
    assert (plain["sequence_length"], long["sequence_length"]) == (128, 256)
    assert (plain["pretraining"]["batch_size"], long["pretraining"]["batch_size"]) == (8, 4)
    assert long["pretraining"] == {**plain["pretraining"], "batch_size": 4}
    mix = curated_mix.config(study, "branch_0")["mix"]
    assert (mix["sequence_length"], mix["tokens"]) == (256, 12800 - 6 * A_STEP)
    assert trunk_checkpoint.config(study, "unfiltered|0")["sequence_length"] == 128
    assert smoke_run(study).mix("branch_0").tokens >= 256


@pytest.mark.parametrize(
    ("share", "length", "said"),
    [
        (0.5, 192, "sequences of 192 tokens do not fill a batch of 1024"),
        (0.5, 2048, "sequences of 2048 tokens do not fill a batch of 1024"),
        (0.93, 1024, "its last step has fewer tokens than such a sequence"),
        (0.5, 8, "greater than or equal to 16|at least 16|16 or more"),
    ],
)
def test_a_length_that_fills_no_batch_or_no_stage_is_refused(
    tiny: TinyStudy, share: float, length: int, said: str
) -> None:
    trunk = {"recipe": "unfiltered", "share": share, "sequence_length": length}
    with pytest.raises(
        DeclarationError, match=rf"branch_0.yaml:\d+: trunk.sequence_length: .*({said})"
    ):
        branched(tiny, share, trunk=trunk)


def test_a_stage_of_shorter_sequences_leaves_the_models_what_they_are_asked(
    tiny: TinyStudy,
) -> None:
    trunk = {"recipe": "unfiltered", "share": 0.5, "sequence_length": 64}
    config = pretrained_checkpoint.config(branched(tiny, 0.5, trunk=trunk), "branch_0|0")
    assert (config["sequence_length"], config["context"]) == (64, 128)
    assert config["pretraining"]["batch_size"] == 16


def test_a_longer_stage_is_refused_where_positions_are_weights(tiny: TinyStudy) -> None:
    tiny.change(model={**STUDY["model"], "architecture": "gpt2"})
    longer, shorter = (
        {"recipe": "unfiltered", "share": 0.5, "sequence_length": length} for length in (256, 64)
    )
    list(check_study(branched(tiny, 0.5, trunk=shorter)))
    with pytest.raises(DeclarationError, match="the positions of 'gpt2' are weights"):
        list(check_study(branched(tiny, 0.5, trunk=longer)))


def test_more_ranks_than_a_stage_s_steps_have_sequences_are_refused(tiny: TinyStudy) -> None:
    tiny.change(pretraining={**STUDY["pretraining"], "ranks": 8})
    trunk = {"recipe": "unfiltered", "share": 0.5, "sequence_length": 256}
    with pytest.raises(DeclarationError, match=r"trunk.sequence_length: .* 4 sequences is fewer"):
        branched(tiny, 0.5, trunk=trunk)
