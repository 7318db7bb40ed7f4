"""Vocabulary, mix, model, and pretraining."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.foundation.model_files import require_one_place
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import (
    Count,
    DeclaredPath,
    Name,
    Positive,
    Revision,
    Seed,
    Share,
    Text,
    added,
)
from alignment_dagster.study.guards import Guard


class Tokenizer(Declared):
    """A byte-level BPE vocabulary, trained on the study's corpus."""

    vocab_size: Annotated[int, Field(ge=300, le=65536)]
    """Tokens."""
    characters: Count = 20_000_000
    """Of a larger corpus a sample of so many is trained on, that new documents hardly change."""


class Mix(Declared):
    """How many tokens a recipe trains on, and how they are packed."""

    tokens: Count
    """Of each recipe."""
    sequence_length: Annotated[int, Field(ge=16)]
    """Tokens of a training sequence; also the model's context."""
    seed: Seed = 0
    """Of the sampling."""
    max_repeats: Positive = 16.0
    """How often a document may be seen before the budget counts as not met."""
    share_tolerance: Positive = 0.01
    """How far a group's share may be from the declared one."""
    packing: Literal["end_to_end", "best_fit"] = added("end_to_end")
    """`best_fit` keeps documents whole where they fit, and they do not see each other: attention
    ends at their borders, and positions begin anew."""

    @model_validator(mode="after")
    def _holds_a_sequence(self) -> "Mix":
        if self.tokens < self.sequence_length:
            raise ValueError("tokens: must be at least `sequence_length`: one sequence")
        return self


class TunedSize(Declared):
    """The size of a model for which the learning rate was found to be best."""

    width: Count
    """Of its hidden states; with heads of as many dimensions."""
    layers: Count
    """Of its decoder."""


class Model(Declared):
    """A decoder of any architecture that transformers has, with random weights."""

    layers: Count
    """Of the decoder."""
    width: Count
    """Of its hidden states; a multiple of twice the heads."""
    heads: Count
    """Of its attention."""
    mlp_width: Count
    """Of its feed-forward part."""
    architecture: Name = added("llama")
    """As transformers calls it: `llama`, `gpt_neox`, `qwen2`, `qwen3`, `olmo`, `olmo2` and
    `mistral` are tested here, and any other causal language model of transformers is tried."""
    key_value_heads: Count | None = added(None)
    """For grouped-query attention: a divisor of `heads`; as many where nothing is said."""
    tied_embeddings: bool = added(True)
    """Whether embedding and output have the same weights."""
    tuned_at: TunedSize | None = added(None)
    """The size that `pretraining.learning_rate` was tuned at: initial weights, rates and weight
    decay then follow width and layers (CompleteP, arXiv 2505.01618), so that a step moves a model
    of any size as far. As they are where nothing is said."""

    @model_validator(mode="after")
    def _heads_divide(self) -> "Model":
        if self.width % (2 * self.heads):
            raise ValueError("width must be a multiple of twice the number of heads")
        if self.key_value_heads is not None and self.heads % self.key_value_heads:
            raise ValueError("key_value_heads must be a divisor of the number of heads")
        return self


class Base(Declared):
    """A checkpoint that was trained elsewhere: pretraining goes on from it, with its tokenizer.

    Safetensors, or a GGUF file that transformers reads; no code of its own is run.
    """

    path: DeclaredPath | None = None
    """A folder of the data folder that holds the checkpoint, or a GGUF file in it."""
    hub: Text | None = None
    """Its name on the Hugging Face hub, instead of `path`."""
    revision: Revision | None = None
    """For `hub`: the commit."""

    @model_validator(mode="after")
    def _one_place(self) -> "Base":
        require_one_place(self)
        return self


class HeldOutLoss(Declared):
    """The loss on documents that no recipe trains on, by source, told while a model trains."""

    every: Count
    """Steps from one measurement to the next."""
    documents: Count = 8
    """Of each source whose documents the recipe may read."""


class Pretraining(Declared):
    """AdamW over the mix, once; batch sizes are in sequences."""

    batch_size: Count
    """Sequences in a batch."""
    accumulation: Count = 1
    """Batches in a step."""
    learning_rate: Positive
    """The highest of the schedule."""
    objective: Name = "maximum_likelihood"
    """What is minimised."""
    schedule: Literal["cosine", "wsd", "linear", "constant"] = "cosine"
    """What follows the warm-up: a fall along half a cosine or in a straight line, a stable rate
    and then a fall to zero (`wsd`: warm-up, stable, decay), or a rate that stays."""
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Of the steps, in which the rate rises."""
    decay_share: Share = 0.2
    """For `wsd`: the last share of the steps, in which the rate falls to zero."""
    final_rate: Annotated[float, Field(ge=0, le=1)] = 0.1
    """For `cosine` and `linear`: the last learning rate as a share of the highest."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """Of AdamW."""
    beta1: Share = 0.9
    """Of AdamW."""
    beta2: Share = 0.95
    """Of AdamW."""
    gradient_clip: Positive = 1.0
    """The largest norm of a step's gradient."""
    guard: Guard | None = added(None)
    """What happens at a step whose loss or gradient is no number, or jumps; the first stops
    training where nothing is said."""
    held_out: HeldOutLoss | None = added(None)
    """What is told of held-out documents on the way, in the terminal, on Dagster's page of the run
    and in MLflow; it changes no model. Nothing where nothing is said."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of the forward and backward pass."""
    checkpoint_every: Count = 50
    """Steps between the checkpoints that a killed run resumes from; only the newest is kept."""
    keep_every: Count | None = None
    """Steps between the states that the artifact keeps in `states/`, to replay training from."""
    threads: Count = 1
    """Of each process."""
    ranks: Count = 1
    """They share the sequences of every step: processes, or on accelerators as many processes as
    there are accelerators for. Their number decides bytes: sums are taken in their order."""

    @property
    def sequences_a_step(self) -> int:
        """Sequences that an optimizer step consumes."""
        return self.batch_size * self.accumulation

    @model_validator(mode="after")
    def _schedule_fits(self) -> "Pretraining":
        if self.schedule == "wsd" and self.warmup_share + self.decay_share > 1:
            raise ValueError(
                "warmup_share and decay_share: the schedule is longer than the training: together "
                f"they are {self.warmup_share + self.decay_share:g} of its steps"
            )
        return self

    @model_validator(mode="after")
    def _ranks_have_sequences(self) -> "Pretraining":
        if self.ranks > self.sequences_a_step:
            raise ValueError("ranks must not be more than batch_size times accumulation")
        return self
