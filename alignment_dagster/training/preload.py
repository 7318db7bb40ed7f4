"""What the template process of `worker` imports once for all jobs."""

import torch  # noqa: F401
import transformers
import transformers.models.llama.modeling_llama  # noqa: F401
import trl  # noqa: F401
