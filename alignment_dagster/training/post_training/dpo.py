"""Direct preference optimisation with TRL's DPOTrainer; the reference is the SFT model."""

from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from alignment_dagster.study import PreferenceOptimisation
from alignment_dagster.training.post_training.chat_data import Pair
from alignment_dagster.training.post_training.trl_stage import (
    NumberedCollator,
    RecordingMixin,
    StageContext,
    StageRecord,
    StepCallback,
    train,
    trainer_settings,
)


class RecordingDPOTrainer(RecordingMixin, DPOTrainer):  # type: ignore[misc]
    """TRL's trainer with a ledger, given pairs that are token ids already."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset


def optimise_preferences(
    model: Any,
    reference: Any,
    tokenizer: Any,
    pairs: list[Pair],
    declared: PreferenceOptimisation,
    context: StageContext,
) -> StageRecord:
    """Train `model` in place, against `reference`, which stays as it is."""
    record = StageRecord("dpo")
    trainer = RecordingDPOTrainer(
        model=model,
        ref_model=reference,
        args=DPOConfig(
            **trainer_settings(context),
            num_train_epochs=declared.epochs,
            per_device_train_batch_size=declared.batch_size,
            learning_rate=declared.learning_rate,
            beta=declared.beta,
            max_length=None,
        ),
        data_collator=NumberedCollator(DataCollatorForPreference(tokenizer.pad_token_id)),
        train_dataset=Dataset.from_dict(
            {
                "prompt_ids": [pair.prompt_ids for pair in pairs],
                "chosen_ids": [pair.chosen_ids for pair in pairs],
                "rejected_ids": [pair.rejected_ids for pair in pairs],
                "example": list(range(len(pairs))),
            }
        ),
        processing_class=tokenizer,
        callbacks=[StepCallback(record, context)],
    )
    train(trainer, record, [pair.document_id for pair in pairs])
    return record
