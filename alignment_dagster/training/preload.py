"""What the process that jobs are forked from imports once for all of them."""

import gc
import os

# Read when the hub's library is imported: no job may reach a hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Read when a library asks whether there is a GPU: a process that opened it cannot be forked from.
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")

import torch  # noqa: F401
import transformers.models.llama.modeling_llama  # noqa: F401
import trl.trainer.dpo_trainer
import trl.trainer.sft_trainer  # noqa: F401
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

import alignment_dagster.training.post_training.post_train
import alignment_dagster.training.pretraining.pretrain
import alignment_dagster.training.tampering.tamper  # noqa: F401

# Compiled for all architectures when a process first opens a model.
get_checkpoint_conversion_mapping("llama")
# What is imported stays: a job's collections, of which each stage of its trainers has some, need
# not walk through all of it, and its pages stay shared.
gc.freeze()
