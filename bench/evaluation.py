"""Items a second: our scorer against lm-evaluation-harness, same model, same prompts, same run.

`python bench/evaluation.py [--items 12] [--repeats 3]`

Both sides start from the prompts' texts and end with a summed log-probability for each option:
tokenization counts on both sides, loading the model and lm-evaluation-harness's task machinery on
neither. The harness runs at every batch size of 1, 4, …, 64 and its best one counts. Sides take
turns, so that what else the machine does hits both; the best of the repeats counts.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
logging.disable(logging.WARNING)

import psutil
import torch
import yaml
from transformers import PreTrainedTokenizerFast

from alignment_dagster.corpus.generators import GENERATORS
from alignment_dagster.evaluation.evaluate import load_checkpoint
from alignment_dagster.evaluation.harness.export import prompt_texts
from alignment_dagster.evaluation.model.log_probabilities import score
from alignment_dagster.evaluation.suites.encoding import Encoder
from alignment_dagster.evaluation.suites.formats import Prompt, make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.mixing.tokenizer import train_tokenizer
from alignment_dagster.study import Model, Suite
from alignment_dagster.training.pretraining.model import build_model, parameter_count

STORIES = ("everyday_stories", "ai_discourse", "moral_lessons", "refusals")
BATCH_SIZES = (1, 4, 8, 16, 32, 64)
MIB = 1024 * 1024
ASSETS = Path(__file__).parents[1] / "assets"


@dataclass(frozen=True)
class Size:
    """A model, and how many stories stand before each item's situation."""

    model: Model
    vocabulary: int
    context: int
    stories: int


SIZES = {
    "25M": Size(Model(layers=8, width=512, heads=8, mlp_width=1024), 8192, 512, 1),
    "quickstart": Size(Model(layers=2, width=128, heads=4, mlp_width=384), 1536, 160, 0),
}


@dataclass(frozen=True)
class Timing:
    """The best time of one side, its peak memory above the loaded model, and its answers."""

    seconds: float
    peak: int
    scores: list[float]


def main() -> None:
    """Run the benchmark and print its lines."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    size = SIZES[arguments.model]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        parameters = make_checkpoint(size, folder)
        print(
            f"{parameters / 1e6:.1f} M parameters, float32, {arguments.threads} threads, "
            f"torch {torch.__version__}, {platform.machine()}"
        )
        declared = articles()
        one = declared.model_copy(
            update={"formats": ("question_answer",), "system_prompts": ("none",)}
        )
        for name, suite, count in (
            ("one format", one, 4 * arguments.items),
            ("as the suite `articles` is declared", declared, arguments.items),
        ):
            asked = story_prompts(size, suite, count, folder)
            print(
                f"\n{name}: {', '.join(suite.formats)}; "
                f"system prompts {', '.join(suite.system_prompts)}"
            )
            compare(folder, size, asked, arguments)


def compare(
    folder: Path, size: Size, asked: Sequence[Prompt], arguments: argparse.Namespace
) -> None:
    """Time both sides in turns and print what came out."""
    checkpoint = load_checkpoint(folder, "cpu")
    encoder = Encoder(checkpoint.tokenizer, "base", size.context)
    lengths = sorted(row.start for rows in encoder.encode(asked) for row in rows)
    print(
        f"{len(asked)} prompts, {len(lengths)} options, contexts of {lengths[0]} to {lengths[-1]} "
        f"tokens (median {lengths[len(lengths) // 2]})"
    )

    def ours(budget: int) -> Callable[[], list[float]]:
        return lambda: score(
            checkpoint.model, [row for rows in encoder.encode(asked) for row in rows], budget
        )

    sides = {f"ours, {budget} tokens": ours(budget) for budget in arguments.budgets}
    if not arguments.ours_only:
        sides |= {f"lm-eval, batch {n}": run for n, run in harness(folder, asked)}
    timings = take_turns(sides, arguments.repeats)
    for name, timing in timings.items():
        print(
            f"  {name:20} {len(asked) / timing.seconds:8.1f} prompts/s "
            f"{timing.seconds:7.2f} s   peak +{timing.peak / MIB:.0f} MiB"
        )
    best_ours = best(timings, "ours")
    if not arguments.ours_only:
        theirs = best(timings, "lm-eval")
        first, second = timings[best_ours], timings[theirs]
        apart = max(abs(a - b) for a, b in zip(first.scores, second.scores, strict=True))
        print(
            f"  ratio {second.seconds / first.seconds:.2f}x ({best_ours} against {theirs}), "
            f"max |difference of log-probabilities| {apart:.1e}"
        )


def best(timings: dict[str, Timing], side: str) -> str:
    """The fastest of one side."""
    return min((n for n in timings if n.startswith(side)), key=lambda n: timings[n].seconds)


def take_turns(sides: dict[str, Callable[[], list[float]]], repeats: int) -> dict[str, Timing]:
    """Run every side `repeats` times, in turns."""
    timings: dict[str, Timing] = {}
    for _ in range(repeats):
        for name, run in sides.items():
            with peak_memory() as peak:
                started = time.perf_counter()
                scores = run()
                seconds = time.perf_counter() - started
            before = timings.get(name, Timing(seconds, 0, scores))
            timings[name] = Timing(min(before.seconds, seconds), max(before.peak, peak[0]), scores)
    return timings


def harness(
    folder: Path, asked: Sequence[Prompt]
) -> Iterator[tuple[int, Callable[[], list[float]]]]:
    """lm-evaluation-harness's `hf` model at each batch size, over the same texts."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    with contextlib.redirect_stderr(io.StringIO()):
        model = HFLM(pretrained=str(folder), device="cpu", dtype="float32", add_bos_token=False)
    requests = [
        Instance("loglikelihood", {}, (context, gap + answer), n)
        for context, gap, answers in (prompt_texts(prompt, None, "base") for prompt in asked)
        for n, answer in enumerate(answers)
    ]

    def at(batch_size: int) -> Callable[[], list[float]]:
        def run() -> list[float]:
            model.batch_size_per_gpu = batch_size
            return [value for value, _ in model.loglikelihood(requests, disable_tqdm=True)]

        return run

    return ((n, at(n)) for n in BATCH_SIZES)


@contextlib.contextmanager
def peak_memory() -> Iterator[list[int]]:
    """How far resident memory rose inside the block, in bytes (Linux; elsewhere 0)."""
    found = [0]
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        yield found
        return
    before = psutil.Process().memory_info().rss
    yield found
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    found[0] = max(int(line.split()[1]) * 1024 - before, 0)


def make_checkpoint(size: Size, folder: Path) -> int:
    """A random model with a tokenizer trained on the generators' texts; returns its parameters."""
    documents = [one.text for name in STORIES for one in GENERATORS[name](2000, 1)]
    train_tokenizer(documents, size.vocabulary, folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = build_model(size.model, tokenizer, size.context, 0)
    if len(tokenizer) < size.vocabulary:
        model.resize_token_embeddings(size.vocabulary)
    model.save_pretrained(folder)
    return parameter_count(model)


def articles() -> Suite:
    """The suite `articles`, as it is declared."""
    declared = yaml.safe_load((ASSETS / "suites" / "articles.yaml").read_text("utf-8"))
    return Suite.model_validate(declared)


def story_prompts(size: Size, suite: Suite, count: int, folder: Path) -> tuple[Prompt, ...]:
    """Two-option scenarios: stories, then the situation and the options of the suite's items."""
    source = load_suite(suite, ASSETS)
    stories = GENERATORS["everyday_stories"](count * size.stories, 2)
    (folder / "suites").mkdir(exist_ok=True)
    with (folder / "suites" / "items.jsonl").open("w", encoding="utf-8") as handle:
        for number in range(count):
            item = source[number % len(source)]
            before = [f"{number}.", *(one.text for one in islice(stories, size.stories))]
            row = {
                "scenario": " ".join([*before, item.question]),
                "question": item.ask,
                "options": list(item.options),
                "misaligned": item.target,
                "topic": item.topic,
            }
            handle.write(json.dumps(row) + "\n")
    items = suite.items.model_copy(update={"path": "items.jsonl"})
    suite = suite.model_copy(update={"items": items})
    return tuple(make_prompts(suite, load_suite(suite, folder)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=list(SIZES), default="25M")
    parser.add_argument("--items", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budgets", type=int, nargs="+", default=[512, 2048, 8192])
    parser.add_argument("--ours-only", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
