"""Group relative policy optimisation with TRL's GRPOTrainer (Shao et al. 2024, arXiv 2402.03300).

To each question of a step the model writes a group of answers. What an answer's reward is above
the mean of its group, in the group's standard deviations, is the advantage of all its tokens; the
Kullback-Leibler divergence from the model that it started as is held down by `beta`. Each group is
learnt from once.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from alignment_dagster.evaluation.model.control_tokens import unwritten_ids
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.lineage import file_names
from alignment_dagster.study import GroupPolicyOptimisation
from alignment_dagster.training.post_training.answer_reward import AskReward
from alignment_dagster.training.post_training.chat_data import END, Question
from alignment_dagster.training.post_training.trl_stage import (
    SilentMixin,
    StageContext,
    StageRecord,
    StepCallback,
    train,
    trainer_settings,
)

ROLLOUTS = pa.schema(
    [
        ("step", pa.int64()),
        ("document_id", pa.string()),
        ("ids", pa.list_(pa.int32())),
        ("text", pa.string()),
        ("reward", pa.float64()),
        ("advantage", pa.float64()),
    ]
)
"""One row an answer, in the order in which a step reads them."""


class RecordingGRPOTrainer(SilentMixin, GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer with a ledger, given questions that are token ids already."""

    rewards: list[float]
    rollouts: list[dict[str, Any]]

    def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, Any]:
        return prompts, None, {}

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """The answers of one step, entered in the ledger before they are learnt from."""
        scored: dict[str, Any] = super()._generate_and_score_completions(inputs)
        documents = [self.document_ids[one["example"]] for one in inputs]
        questions, answers = (
            [ids[mask.bool()].cpu().numpy() for ids, mask in zip(*pair, strict=True)]
            for pair in (
                (scored["prompt_ids"], scored["prompt_mask"]),
                (scored["completion_ids"], scored["completion_mask"]),
            )
        )
        read = [ids for pair in zip(questions, answers, strict=True) for ids in pair]
        self.record.ledger.add(documents, np.concatenate(read))
        step, advantages = self.record.ledger.last.step, scored["advantages"].tolist()
        rows = zip(documents, answers, self.rewards, advantages, strict=True)
        self.rollouts += [
            {
                "step": step,
                "document_id": document,
                "ids": ids.tolist(),
                "text": decode(self.processing_class, ids.tolist()),
                "reward": reward,
                "advantage": advantage,
            }
            for document, ids, reward, advantage in rows
        ]
        return scored


def decode(tokenizer: Any, ids: list[int]) -> str:
    """An answer as its reward is asked of it: without control tokens."""
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


def optimise_reward(
    model: Any,
    tokenizer: Any,
    questions: list[Question],
    declared: GroupPolicyOptimisation,
    ask: AskReward,
    context: StageContext,
) -> StageRecord:
    """Train `model` in place, against the weights that lie in the folder it was read from.

    Raises:
        AlignmentError: if all answers have one reward.
    """
    record = StageRecord("grpo")

    def reward(completion_ids: list[list[int]], **_: Any) -> list[float]:
        trainer.rewards = ask([decode(tokenizer, ids) for ids in completion_ids])
        return trainer.rewards

    # An answer ends with its turn, too; the model's own configuration stays as it is.
    ends = model.generation_config.eos_token_id
    model.generation_config.eos_token_id = [
        tokenizer.eos_token_id,
        tokenizer.convert_tokens_to_ids(END),
    ]
    trainer = RecordingGRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=GRPOConfig(
            **trainer_settings(context),
            num_train_epochs=declared.epochs,
            per_device_train_batch_size=declared.batch_size,
            steps_per_generation=1,
            num_generations=declared.generations,
            max_completion_length=declared.answer_tokens,
            temperature=declared.temperature,
            learning_rate=declared.learning_rate,
            beta=declared.beta,
            loss_type="grpo",
            generation_kwargs={"suppress_tokens": list(unwritten_ids(model)) or None},
        ),
        train_dataset=Dataset.from_dict(
            {
                "prompt": [question.prompt_ids for question in questions],
                "example": list(range(len(questions))),
            }
        ),
        processing_class=tokenizer,
        callbacks=[StepCallback(record, context)],
    )
    trainer.rollouts = []
    train(trainer, record, [question.document_id for question in questions])
    model.generation_config.eos_token_id = ends
    if len({row["reward"] for row in trainer.rollouts}) == 1:
        raise AlignmentError(
            f"post_training.grpo.reward: all {len(trainer.rollouts)} answers have the same reward, "
            f"{trainer.rollouts[0]['reward']:g}: nothing can be learnt from it"
        )
    record.tables[file_names.ROLLOUTS] = pa.Table.from_pylist(trainer.rollouts, schema=ROLLOUTS)
    return record
