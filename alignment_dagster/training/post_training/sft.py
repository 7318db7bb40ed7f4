"""Supervised fine-tuning with TRL's SFTTrainer, on the assistant's words only."""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from alignment_dagster.study import SupervisedFineTuning
from alignment_dagster.training.post_training.chat_data import Conversation
from alignment_dagster.training.post_training.trl_stage import (
    NumberedCollator,
    RecordingMixin,
    StageContext,
    StageRecord,
    StepCallback,
    train,
    trainer_settings,
)


class RecordingSFTTrainer(RecordingMixin, SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with a ledger."""


def fine_tune(
    model: Any,
    tokenizer: Any,
    conversations: list[Conversation],
    declared: SupervisedFineTuning,
    context: StageContext,
) -> StageRecord:
    """Train `model` in place."""
    record = StageRecord("sft")
    settings = {
        "num_train_epochs": declared.epochs,
        "per_device_train_batch_size": declared.batch_size,
        "learning_rate": declared.learning_rate,
    }
    supervise(RecordingSFTTrainer, model, tokenizer, conversations, record, context, settings)
    return record


def supervise(
    kind: type[RecordingSFTTrainer],
    model: Any,
    tokenizer: Any,
    conversations: list[Conversation],
    record: StageRecord,
    context: StageContext,
    settings: Mapping[str, Any],
    observers: Sequence[TrainerCallback] = (),
) -> None:
    """Train `model` in place on the assistant's words, filling `record`; `settings` are TRL's."""
    trainer = kind(
        model=model,
        args=SFTConfig(
            **trainer_settings(context),
            **settings,
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
        ),
        data_collator=NumberedCollator(DataCollatorForLanguageModeling(tokenizer.pad_token_id)),
        train_dataset=Dataset.from_dict(
            {
                "input_ids": [example.input_ids for example in conversations],
                "labels": [example.labels for example in conversations],
                "example": list(range(len(conversations))),
            }
        ),
        processing_class=tokenizer,
        callbacks=[StepCallback(record, context), *observers],
    )
    train(trainer, record, [example.document_id for example in conversations])
