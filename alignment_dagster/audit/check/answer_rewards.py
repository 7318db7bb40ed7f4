"""The rewards of answers, asked again of their texts."""

from alignment_dagster.audit.check.rollouts import Rollouts
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.chain import CLASSIFIER
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import assets_folder
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.scoring import ScoringContext
from alignment_dagster.study import AnswerReward
from alignment_dagster.training.post_training.answer_reward import bind_reward, find_rewarder

CLOSENESS = 1e-6
"""Of what a classifier gives, as a share: sums are added up in another order elsewhere."""


def find_other_reward(scope: Scope, artifact: Artifact, answers: Rollouts) -> str | None:
    """The first answer that has another reward than its text is given; a note, where what gave it
    is not there any more as it was.
    """
    reward = AnswerReward.model_validate(
        artifact.provenance.declared["post_training"]["grpo"]["reward"]
    )
    trained = scope.parents(artifact, CLASSIFIER)
    assets = assets_folder()
    try:
        scorer = find_rewarder(reward, assets, trained[0].path if trained else None)
        now = scorer.inputs(ScoringContext(assets))
    except (AlignmentError, KeyError, OSError) as error:
        now, why = None, str(error)
    else:
        why = f"{reward.scorer} is another version by now, or reads something else"
    if now is None or now != artifact.provenance.inputs.external_inputs.get(reward.scorer):
        scope.findings.note(f"{artifact.label}: its rewards were not asked again: {why}.")
        return None
    scope.findings.counts["rewarded answers"] += sum(map(len, answers.steps.values()))
    ask = bind_reward(reward, scorer, assets)
    return answers.find_other_reward(ask, CLOSENESS if trained else 0.0)
