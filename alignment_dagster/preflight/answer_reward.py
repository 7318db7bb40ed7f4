"""Whether what GRPO optimises can be asked of an answer, and whether there is room for one."""

from collections.abc import Callable

from alignment_dagster.foundation.yaml_models import FieldPath, Located
from alignment_dagster.study import Study
from alignment_dagster.study.conditions import METADATA, Condition

QUESTION = 4
"""Tokens of the shortest question: a role, a word, its end, and who is to answer."""
POSITIONS = ("start", "end")
"""Of the sentence that a classifier's score is of."""
FIELD: FieldPath = ("post_training", "grpo")
OF_DOCUMENTS = {
    METADATA: "what a source brought along is of its documents, and not of answers",
    "contamination": "it looks for evaluation items, which no answer holds",
    "fingerprint": "it says nothing but which texts are the same",
}


def check_reward(
    study: Study, located: Located, check_condition: Callable[[Condition, FieldPath], None]
) -> None:
    """Refuse a reward that there is not, and answers that fit into no sequence.

    Args:
        check_condition: refuses a comparison of a column that there is not.

    Raises:
        DeclarationError: names file, line and field.
    """
    grpo, length = study.declaration.post_training.grpo, study.declaration.mix.sequence_length
    if grpo is None:
        return
    if grpo.answer_tokens > length - QUESTION:
        message = f"leaves no room for a question in a sequence of {length} tokens"
        raise located.error((*FIELD, "answer_tokens"), message)
    reward, field = grpo.reward, (*FIELD, "reward")
    if reward.scorer in OF_DOCUMENTS:
        raise located.error((*field, "scorer"), OF_DOCUMENTS[reward.scorer])
    sentences = [one.scorer for one in study.classifiers if one.unit == "sentence"]
    if reward.scorer in sentences and reward.column in POSITIONS:
        message = f"{reward.column!r} says where a sentence stands, not how good an answer is"
        raise located.error((*field, "column"), message)
    # A comparison that is possible where the reward is a number that there is.
    check_condition(Condition(scorer=reward.scorer, column=reward.column, above=0.5), field)
