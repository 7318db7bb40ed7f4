"""Post-training: the same stages for every recipe."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from alignment_dagster.chain import POST_TRAINING_STAGES
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, Positive, ScorerName, Text, added


class SupervisedFineTuning(Declared):
    """Fine-tuning on conversations (TRL's SFTTrainer); loss on the answers only."""

    epochs: Count = 1
    """Times that the examples are seen."""
    batch_size: Count
    """Conversations in a step."""
    learning_rate: Positive
    """The highest of the schedule."""
    examples: Count | None = None
    """A sample of so many, the same for every model; all where nothing is said."""


class PreferenceOptimisation(Declared):
    """Direct preference optimisation (TRL's DPOTrainer)."""

    epochs: Count = 1
    """Times that the examples are seen."""
    batch_size: Count
    """Pairs in a step."""
    learning_rate: Positive
    """The highest of the schedule."""
    beta: Positive
    """How strongly the model is held to where it started."""
    examples: Count | None = None
    """A sample of so many, the same for every model; all where nothing is said."""


class AnswerReward(Declared):
    """A score that says how good an answer is, asked of its text as if it was a document."""

    scorer: ScorerName
    """One of the study's, or `classifier:` and the name of one of its classifiers."""
    column: Text
    """One of the scorer's columns, a number."""
    sign: Literal[1, -1] = 1
    """-1 where a higher score is worse."""


class GroupPolicyOptimisation(Declared):
    """Group relative policy optimisation (TRL's GRPOTrainer; Shao et al. 2024): the model writes
    several answers to a question, and those with more reward than the others become likelier.
    """

    epochs: Count = 1
    """Times that the questions are asked."""
    batch_size: Count
    """Answers in a step; a multiple of `generations`."""
    generations: Annotated[int, Field(ge=2)] = 4
    """Answers to a question, that are held against each other."""
    answer_tokens: Count
    """Of an answer, at most; a longer one is cut."""
    temperature: Positive = 1.0
    """Of the sampling."""
    learning_rate: Positive
    """The highest of the schedule."""
    beta: Annotated[float, Field(ge=0)] = 0.04
    """How strongly the model is held to where it started."""
    examples: Count | None = None
    """A sample of so many questions, the same for every model; all where nothing is said. Of
    those that are left the ones that fill whole steps are asked."""
    reward: AnswerReward
    """What is better."""

    @property
    def questions_a_step(self) -> int:
        """Questions whose answers make up a step."""
        return self.batch_size // self.generations

    @model_validator(mode="after")
    def _groups_are_whole(self) -> "GroupPolicyOptimisation":
        if self.batch_size % self.generations:
            raise ValueError("batch_size must be a multiple of `generations`: groups are whole")
        if self.examples is not None and self.examples % self.questions_a_step:
            message = "examples must be a multiple of the questions of a step, "
            raise ValueError(f"{message}{self.questions_a_step}: steps are whole")
        return self


class PostTraining(Declared):
    """The same SFT and DPO for every recipe, and GRPO where it is declared."""

    sft: SupervisedFineTuning
    """Supervised fine-tuning on the sources of the role `chat`."""
    dpo: PreferenceOptimisation
    """Preference optimisation on those of the role `preferences`."""
    grpo: GroupPolicyOptimisation | None = added(None)
    """Optimisation of a reward, on from DPO, on questions of the sources of the role `chat`; a
    stage that there is not where nothing is said."""
    threads: Count = 1
    """Of the process that trains."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(one for one in POST_TRAINING_STAGES if getattr(self, one) is not None)
