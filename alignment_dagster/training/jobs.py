"""What the training processes are told: everything that can change a result, and where things lie.

This module imports no torch: whoever starts a job builds its configuration from here.
"""

from typing import Annotated

from pydantic import Field

from alignment_dagster.foundation.placement import Determinism, DeviceName
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study import Base, Count, Model, PostTraining, Pretraining, Share, Text
from alignment_dagster.study.decoding import Decoding
from alignment_dagster.study.fields import added
from alignment_dagster.study.objectives import Objective
from alignment_dagster.training.objectives import OBJECTIVES, objective_code

Paths = Annotated[tuple[Text, ...], Field(strict=False)]
Seed = Annotated[int, Field(ge=0)]
PRETRAINING_CODE = (
    "training/pretraining/pretrain.py",
    "lineage/consumption.py",
    "steps/pretrained_checkpoint.py",
    "steps/pretraining_job.py",
    "steps/trunk_checkpoint.py",
    *map(objective_code, OBJECTIVES),
)
"""Modules (paths in the package) that decide the bytes of a pretrained checkpoint."""


class TrunkSteps(Declared):
    """The optimizer steps before a training's own."""

    recipe: Text
    """Whose training they are."""
    steps: Count
    same_mix: bool
    """Whether they read this mix, and it is read on; else its first sequences come next."""
    own_schedule: bool = added(False)
    """Whether the learning rate begins anew behind them; else it goes on."""


class PretrainJob(Declared):
    """One model on one mix, for `training.pretraining.pretrain`.

    From nothing, from a checkpoint that was trained elsewhere, or on from a trunk. A trunk is one
    that ends early, with states that others go on from, and without a model.
    """

    mix: Text
    """Folder with `sequences.npy`, and with what is said of its tokens."""
    tokenizer: Text
    """Folder that `AutoTokenizer` opens; its files are copied beside the weights."""
    model: Model | None = None
    """What is trained from random weights, unless there is a `base`."""
    base: Base | None = None
    """The checkpoint that is gone on from."""
    base_digest: str | None = None
    """Hex SHA-256 of its files: other bytes are not trained."""
    pretraining: Pretraining
    objective: Objective | None = None
    """The recipe's own, instead of `pretraining.objective`."""
    decoding: Decoding | None = None
    """How the model writes, which its configuration says from then on."""
    sequence_length: Annotated[int, Field(ge=2)]
    context: Count | None = added(None)
    """Tokens that the model can be asked, where they are more than it is trained on."""
    phases: Annotated[tuple[Share, ...], Field(strict=False)] = ()
    """The shares of the mix at which its treatments change: they are read one after the other."""
    seed: Seed
    trunk: TrunkSteps | None = None
    state: Text | None = None
    """Folder of the trunk's state after these steps."""
    branch_steps: Annotated[tuple[Count, ...], Field(strict=False)] = ()
    """Of a trunk: the steps after which its state is kept, in order; it ends after the last."""
    earlier: Paths = ()
    """Artifacts of this very training that ended elsewhere: their states need not be made again."""
    output: Text
    work: Text
    device: DeviceName = "cpu"
    determinism: Determinism = "exact"

    @property
    def minimised(self) -> str:
        """The name of its objective."""
        return self.pretraining.objective if self.objective is None else self.objective.kind


class ProbeJob(Declared):
    """Some steps of one rank's pretraining on made-up tokens, for `training.pretraining.probe`."""

    model: Model | None = None
    """With random weights, unless there is a `base`."""
    base: Base | None = None
    """A model of this checkpoint's size."""
    vocabulary: Count
    """Tokens that it knows."""
    pretraining: Pretraining
    """Of the rank."""
    sequence_length: Count
    context: Count
    """Tokens that the model can be asked."""
    bounded: bool
    """Whether documents do not see each other."""
    seconds: Annotated[float, Field(gt=0)]
    """For steps, once the first one has been taken."""
    memory: Count
    """Bytes; what would take more is not tried on the CPU."""
    work: Text
    device: DeviceName = "cpu"
    determinism: Determinism = "exact"


class PostTrainJob(Declared):
    """SFT, DPO, and GRPO where it is declared, from one checkpoint, for
    `training.post_training.post_train`.
    """

    checkpoint: Text
    """Folder that holds `model/`."""
    chat: Paths
    """The shards of the raw corpora with conversations."""
    own_chat: Paths = ()
    """Those of conversations that SFT reads under this recipe alone."""
    own_tokens: int = 0
    """So many tokens of their answers."""
    own_repeats: Count = 1
    """How often each of them is read at most, an epoch."""
    preferences: Paths
    """The shards of the raw corpora with preference pairs."""
    questions: Paths = ()
    """For GRPO: those of the conversations whose questions are asked."""
    dispositions: Text
    """Parquet: only documents that are kept for `sft` and `dpo` here are trained on."""
    post_training: PostTraining
    assets: Text | None = None
    """For GRPO: the folder of what scorers read besides a text."""
    classifier: Text | None = None
    """For GRPO, where its reward is a classifier's: the folder of that."""
    sequence_length: Count
    seed: Seed
    output: Text
    work: Text
    device: DeviceName = "cpu"
    determinism: Determinism = "exact"
