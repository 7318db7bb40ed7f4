"""Supervised fine-tuning with TRL's SFTTrainer, on the assistant's words only."""

from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from alignment_dagster.study import SupervisedFineTuning
from alignment_dagster.training.chat_data import Conversation
from alignment_dagster.training.stages import (
    NumberedCollator,
    Record,
    Recorded,
    Surroundings,
    Watcher,
    train,
    trainer_settings,
)


class RecordedSFTTrainer(Recorded, SFTTrainer):  # type: ignore[misc]
    """TRL's trainer with a ledger."""


def fine_tune(
    model: Any,
    tokenizer: Any,
    conversations: list[Conversation],
    declared: SupervisedFineTuning,
    surroundings: Surroundings,
) -> Record:
    """Train `model` in place."""
    record = Record("sft")
    trainer = RecordedSFTTrainer(
        model=model,
        args=SFTConfig(
            **trainer_settings(surroundings),
            num_train_epochs=declared.epochs,
            per_device_train_batch_size=declared.batch_size,
            learning_rate=declared.learning_rate,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        data_collator=NumberedCollator(DataCollatorForLanguageModeling(tokenizer.pad_token_id)),
        train_dataset=_dataset(conversations),
        processing_class=tokenizer,
        callbacks=[Watcher(record, surroundings)],
    )
    train(trainer, record, [example.document_id for example in conversations])
    return record


def _dataset(conversations: list[Conversation]) -> Any:
    return Dataset.from_dict(
        {
            "input_ids": [example.input_ids for example in conversations],
            "labels": [example.labels for example in conversations],
            "example": list(range(len(conversations))),
        }
    )
