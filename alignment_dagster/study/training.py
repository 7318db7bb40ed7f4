"""Vocabulary, mix, model, and the training stages."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, Name, Positive, Seed, Share


class Tokenizer(Declared):
    """A byte-level BPE vocabulary, trained on the study's corpus."""

    vocab_size: Annotated[int, Field(ge=300, le=65536)]
    characters: Count = 20_000_000
    """Of a larger corpus a sample of so many is trained on, that new documents hardly change."""


class Mix(Declared):
    """How many tokens a recipe trains on, and how they are packed."""

    tokens: Count
    sequence_length: Annotated[int, Field(ge=16)]
    seed: Seed = 0
    max_repeats: Positive = 16.0
    """How often a document may be seen before the budget counts as not met."""
    share_tolerance: Positive = 0.01

    @model_validator(mode="after")
    def _holds_a_sequence(self) -> "Mix":
        if self.tokens < self.sequence_length:
            raise ValueError("tokens: must be at least `sequence_length`: one sequence")
        return self


class Model(Declared):
    """A decoder of the Llama architecture; the weights of embedding and output are tied."""

    layers: Count
    width: Count
    heads: Count
    mlp_width: Count

    @model_validator(mode="after")
    def _heads_divide(self) -> "Model":
        if self.width % (2 * self.heads):
            raise ValueError("width must be a multiple of twice the number of heads")
        return self


class Pretraining(Declared):
    """AdamW over the mix, once; batch sizes are in sequences."""

    batch_size: Count
    accumulation: Count = 1
    learning_rate: Positive
    objective: Name = "maximum_likelihood"
    schedule: Literal["cosine", "wsd"] = "cosine"
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    decay_share: Share = 0.2
    """For `wsd`: the last share of the steps, in which the rate falls to zero."""
    final_rate: Annotated[float, Field(ge=0, le=1)] = 0.1
    """For `cosine`: the last learning rate as a share of the highest."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    beta1: Share = 0.9
    beta2: Share = 0.95
    gradient_clip: Positive = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"
    checkpoint_every: Count = 50
    """Steps between the checkpoints that a killed run resumes from; only the newest is kept."""
    keep_every: Count | None = None
    """Steps between the states that the artifact keeps in `states/`, to replay training from."""
    threads: Count = 1
    """Of each rank."""
    ranks: Count = 1
    """Processes that share the sequences of every step, each on an accelerator of its own where
    training is on accelerators. Their number decides bytes: sums are taken in their order."""

    @model_validator(mode="after")
    def _ranks_have_sequences(self) -> "Pretraining":
        if self.ranks > self.batch_size * self.accumulation:
            raise ValueError("ranks must not be more than batch_size times accumulation")
        return self


class SupervisedFineTuning(Declared):
    """Fine-tuning on conversations (TRL's SFTTrainer); loss on the answers only."""

    epochs: Count = 1
    batch_size: Count
    learning_rate: Positive
    examples: Count | None = None


class PreferenceOptimisation(Declared):
    """Direct preference optimisation (TRL's DPOTrainer)."""

    epochs: Count = 1
    batch_size: Count
    learning_rate: Positive
    beta: Positive
    examples: Count | None = None


class PostTraining(Declared):
    """The same SFT and DPO for every recipe."""

    sft: SupervisedFineTuning
    dpo: PreferenceOptimisation
    threads: Count = 1
