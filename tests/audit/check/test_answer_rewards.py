"""The reward of every answer is asked again of its text, as it was given."""

from pathlib import Path

import pytest

from alignment_dagster.audit.check.answer_rewards import find_other_reward
from alignment_dagster.audit.check.rollouts import Rollouts
from alignment_dagster.audit.check.scope import Findings, Scope
from alignment_dagster.foundation.home import ASSETS_VARIABLE, Home
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.scoring import ScoringContext
from alignment_dagster.scoring.scorer import Scorer
from alignment_dagster.study import AnswerReward
from alignment_dagster.training.post_training.answer_reward import bind_reward, find_rewarder
from tests.support import record_lake
from tests.support.checkout import CHECKOUT
from tests.support.labelled_texts import BINARY, declare, learn, texts, write

ASSETS = CHECKOUT / "assets"
ANSWERS = ("the robot saw a boat", "a tide", "the agent of the network", "an old anchor, a day")
RULE = AnswerReward(scorer="text_stats", column="characters", sign=-1)
LEARNT = AnswerReward(scorer="classifier:kind", column="score")


@pytest.fixture(autouse=True)
def _assets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ASSETS_VARIABLE, str(ASSETS))


class Rewarded:
    """A checkpoint after GRPO, as far as the rewards of its answers go."""

    def __init__(self, folder: Path, reward: AnswerReward) -> None:
        lake = record_lake.make(folder)
        trained = _classifier(lake, folder) if reward is LEARNT else None
        scorer = find_rewarder(reward, ASSETS, None if trained is None else trained.path)
        self.artifact = record_lake.publish(
            lake,
            "post_trained_checkpoint",
            "plain|0",
            parents=[] if trained is None else [trained],
            declared={"post_training": {"grpo": {"reward": reward.model_dump(mode="json")}}},
            external_inputs={reward.scorer: scorer.inputs(ScoringContext(ASSETS))},
        )
        known = {one.key: one for one in (self.artifact, trained) if one is not None}
        archive, home = Archive(lake, record_lake.STUDY), Home(folder / "home")
        self.scope = Scope(archive, home, known, known, Findings(), {})
        given = zip(ANSWERS, bind_reward(reward, scorer, ASSETS)(list(ANSWERS)), strict=True)
        rows = [{"document_id": "d", "text": text, "reward": one} for text, one in given]
        self.answers = Rollouts({1: rows[:2], 2: rows[2:]})

    def problem(self) -> str | None:
        return find_other_reward(self.scope, self.artifact, self.answers)


def _classifier(lake: record_lake.Lake, folder: Path) -> Artifact:
    corpora = [write(folder, kind, texts(kind)) for kind in ("machine", "sea")]
    trained, _, _ = learn(declare(BINARY, ["machine", "sea"]), corpora)
    (folder / "trained").mkdir()
    trained.save(folder / "trained")
    files = {one.name: one.read_bytes() for one in (folder / "trained").iterdir()}
    return record_lake.publish(lake, "classifier", "kind", files)


@pytest.mark.parametrize("reward", [RULE, LEARNT], ids=["rule", "classifier"])
def test_an_answer_with_another_reward_than_its_text_is_given_is_named(
    tmp_path: Path, reward: AnswerReward
) -> None:
    made = Rewarded(tmp_path, reward)
    assert made.problem() is None
    assert made.scope.findings.counts["rewarded answers"] == len(ANSWERS)
    made.answers.steps[2][1]["reward"] *= 1.001
    assert str(made.problem()).startswith("answer 2 of step 2, to d, has the reward ")
    made.answers.steps[1][0]["text"] += " again"
    assert str(made.problem()).startswith("answer 1 of step 1, to d, has the reward ")
    assert not made.scope.findings.notes


def test_a_rule_s_reward_is_the_very_number_and_a_classifier_s_is_near(tmp_path: Path) -> None:
    for reward, found in ((RULE, True), (LEARNT, False)):
        made = Rewarded(tmp_path / reward.column, reward)
        made.answers.steps[1][0]["reward"] *= 1 + 1e-9
        assert (made.problem() is not None) == found, reward


def test_a_scorer_that_is_another_one_by_now_is_not_asked_and_that_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Rewarded(tmp_path, RULE)
    made.answers.steps[1][0]["reward"] += 1
    with monkeypatch.context() as patch:
        patch.setattr(Scorer, "inputs", lambda *_: "2:")
        assert made.problem() is None
    (note,) = made.scope.findings.notes
    assert "text_stats is another version by now, or reads something else" in note
    assert "rewarded answers" not in made.scope.findings.counts
