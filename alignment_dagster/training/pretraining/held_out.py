"""The loss on held-out documents by source, measured while a model trains."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from alignment_dagster.evaluation.model.losses import HeldOutDocument, document_losses
from alignment_dagster.foundation.job import HELD_OUT_LOSS
from alignment_dagster.lineage import file_names
from alignment_dagster.training.jobs import PretrainJob
from alignment_dagster.training.model_folder import read_tokenizer


class HeldOutLosses:
    """Measures a model that is being trained, which goes on as if nothing had been asked of it."""

    def __init__(self, job: PretrainJob) -> None:
        self._declared = job.pretraining.held_out
        self._documents: list[HeldOutDocument] = []
        path = Path(job.mix) / file_names.HELD_OUT
        if self._declared is not None and path.exists():
            self._documents = [HeldOutDocument(**row) for row in pq.read_table(path).to_pylist()]
            self._tokenizer = read_tokenizer(Path(job.tokenizer))
        self._context = job.context or job.sequence_length
        self._batch_tokens = job.pretraining.batch_size * job.sequence_length

    def are_due(self, step: int, last: int) -> bool:
        """Whether it is time after a step; after the last one it is."""
        if self._declared is None or not self._documents:
            return False
        return step % self._declared.every == 0 or step == last

    def measure(self, model: Any) -> dict[str, float]:
        """Source → nats a token, by the names of metrics."""
        model.eval()
        # Of these shapes nothing is to be compiled.
        with torch.compiler.set_stance("force_eager"):
            found = document_losses(
                model, self._tokenizer, "", self._documents, self._context, self._batch_tokens
            )
        model.train()
        sums = found.group_by("source").aggregate([("nll", "sum"), ("tokens", "sum")])
        return {
            f"{HELD_OUT_LOSS}{row['source']}": row["nll_sum"] / row["tokens_sum"]
            for row in sums.to_pylist()
            if row["tokens_sum"]
        }
