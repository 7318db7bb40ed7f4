"""A local checkpoint answers requests, in a process of its own.

`python -m alignment_dagster.synthesis.generators.checkpoint CONFIG.json`

Each request has a seed of its own: of the tokens that may follow, the one is taken whose
log-probability is the highest after Gumbel noise was added, which draws it with its probability
(Maddison et al. 2014, A* Sampling). So an answer does not depend on what is answered beside it, and
a run that was killed goes on to the same texts.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LogitsProcessor,
    LogitsProcessorList,
    TopPLogitsWarper,
)

from alignment_dagster.engines.devices import (
    describe,
    find_device,
    memory_advice,
    set_determinism,
)
from alignment_dagster.foundation.errors import ArtifactError, DataError, first_line
from alignment_dagster.foundation.job import Progress, run_job
from alignment_dagster.foundation.model_files import model_path, model_place
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.language_models.cost import Cost, budget_end, find_excess, reported_cost
from alignment_dagster.study.synthesis import Transformers
from alignment_dagster.synthesis.checkpoint_job import Asked, CheckpointJob, checkpoint_name


class GumbelNoise(LogitsProcessor):  # type: ignore[misc]
    """Makes the highest logit of each row a draw from its distribution, by the row's own seed."""

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float) -> None:
        self._drawn = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._temperature = temperature
        self._nucleus = TopPLogitsWarper(top_p) if top_p < 1 else None

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> Any:
        """Logits of shape (rows, vocabulary)."""
        logits: Any = scores.float() / self._temperature
        if self._nucleus is not None:
            logits = self._nucleus(input_ids, logits)
        uniform = torch.stack([torch.rand(logits.shape[1], generator=one) for one in self._drawn])
        noise = -torch.log(-torch.log(uniform.clamp_min(torch.finfo(uniform.dtype).tiny)))
        return logits + noise.to(logits.device)


def answer_requests(job: CheckpointJob, progress: Progress) -> None:
    """Answer every request that has no answer yet, batch by batch.

    Raises:
        AlignmentError: if the checkpoint does not load or has no chat template, or the budget ends.
    """
    torch.set_num_threads(job.threads)
    device = find_device(job.device)
    if device.type != "cpu":
        set_determinism(job.determinism, job.threads)
    started, generator = time.monotonic(), job.generator
    model, tokenizer = _load(generator, device)
    named = checkpoint_name(generator)
    with (
        AnswerStore(Path(job.answers)) as store,
        memory_advice(progress, device, "generator.batch_size", generator.batch_size),
    ):
        asked = list(_read(Path(job.requests)))
        rows, done = iter(asked), 0
        while batch := list(islice(rows, generator.batch_size)):
            most = [Cost(one.prompt_most, generator.sampling.max_tokens) for one in batch]
            if excess := find_excess(generator.budget, store.spent(job.source), _sum(most)):
                raise budget_end(job.source, excess, done)
            found = _answer(model, tokenizer, generator, batch, named, device)
            costs = [
                reported_cost(answer, bound, None)
                for answer, bound in zip(found, most, strict=True)
            ]
            answers = {one.digest: answer for one, answer in zip(batch, found, strict=True)}
            store.put(job.source, _sum(costs), answers)
            done += len(batch)
            seconds = time.monotonic() - started
            progress.report("synthesis", done, len(asked), "documents", per_second=done / seconds)
    progress.result(
        **describe(device, job.determinism), seconds=time.monotonic() - started, documents=done
    )


def _sum(costs: Sequence[Cost]) -> Cost:
    return Cost(
        sum(one.prompt_tokens for one in costs), sum(one.completion_tokens for one in costs)
    )


def _read(path: Path) -> Iterator[Asked]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Asked(**json.loads(line))


def _load(generator: Transformers, device: torch.device) -> tuple[Any, Any]:
    path, place = model_path(generator), model_place(generator)
    folder, options = (path.parent, {"gguf_file": path.name}) if path.is_file() else (path, {})
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False, **options}
    weights: dict[str, Any] = {} if options else {"use_safetensors": True}
    dtype = torch.float32 if device.type == "cpu" else "auto"
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **weights, **safe)
    except Exception as error:
        # Broken files raise errors of many libraries; each means that it cannot write.
        raise ArtifactError(f"model {place}: cannot be read: {first_line(error)}") from None
    if generator.api == "chat" and not tokenizer.chat_template:
        raise DataError(f"model {place}: has no chat template: declare `api: completions`")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return model.to(device).eval(), tokenizer


@torch.inference_mode()
def _answer(
    model: Any,
    tokenizer: Any,
    generator: Transformers,
    batch: Sequence[Asked],
    named: str,
    device: torch.device,
) -> list[Answer]:
    started = time.monotonic()
    texts = [_prompt(tokenizer, generator, one) for one in batch]
    # A chat template writes the special tokens itself.
    plain = generator.api == "completions"
    read = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=plain).to(device)
    sampling, width = generator.sampling, read["input_ids"].shape[1]
    context = getattr(model.config, "max_position_embeddings", None)
    if context is not None and width + sampling.max_tokens > context:
        raise DataError(
            f"model {model_place(generator)}: a prompt of {width} tokens and `max_tokens` "
            f"{sampling.max_tokens} are more than its context of {context}"
        )
    drawn = GumbelNoise([one.seed for one in batch], sampling.temperature, sampling.top_p)
    written = model.generate(
        **{name: read[name] for name in ("input_ids", "attention_mask")},
        max_new_tokens=sampling.max_tokens,
        do_sample=False,
        num_beams=1,
        temperature=None,
        top_p=None,
        top_k=None,
        pad_token_id=tokenizer.pad_token_id,
        logits_processor=LogitsProcessorList([drawn] if sampling.temperature else []),
    )[:, width:]
    ends = _end_tokens(model, tokenizer)
    seconds = (time.monotonic() - started) / len(batch)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = []
    for prompt, ids in zip(read["attention_mask"], written.tolist(), strict=True):
        end = next((place for place, token in enumerate(ids) if token in ends), None)
        kept = ids if end is None else ids[:end]
        answer = Answer(
            text=tokenizer.decode(kept, skip_special_tokens=True),
            reported_model=named,
            prompt_tokens=int(prompt.sum()),
            completion_tokens=len(kept),
            finish_reason="length" if end is None else "stop",
            seconds=round(seconds, 4),
            answered_at=now,
        )
        found.append(answer)
    return found


def _prompt(tokenizer: Any, generator: Transformers, one: Asked) -> str:
    if generator.api == "completions":
        return one.text
    rendered: str = tokenizer.apply_chat_template(
        one.messages, tokenize=False, add_generation_prompt=True
    )
    return rendered


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    declared = model.generation_config.eos_token_id
    ids = declared if isinstance(declared, list) else [declared, tokenizer.eos_token_id]
    return {one for one in ids if one is not None}


def main(argv: list[str] | None = None) -> int:
    """Run the job of a configuration file; the exit code is 3 after a user's mistake."""
    return run_job(answer_requests, CheckpointJob, argv)


if __name__ == "__main__":
    sys.exit(main())
