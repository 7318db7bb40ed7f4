"""What an honest person does with a study: edits, runs, stops a run, and starts it again."""

import random
import signal
from collections.abc import Callable, Mapping
from typing import Any

from drills.histories.history import History
from drills.place import EDITS

PARTITIONED = ("pretrained_checkpoint", "post_trained_checkpoint", "evaluation")
RECIPES = ("unfiltered", "aligned")
ASSETS = (
    "raw_corpus",
    "scored_corpus",
    "dispositions",
    "tokenizer",
    "curated_mix",
    *PARTITIONED,
    "metrics",
    "eval_report",
)


def _edit(history: History) -> str:
    name = history.draw.choice(list(EDITS))
    made = not history.state.get(name, False)
    EDITS[name](history.place, made)
    history.state[name] = made
    return f"{'edit' if made else 'way back from the edit of'} {name}"


def _edit_and_run(history: History) -> str:
    told = _edit(history)
    return f"{told}, then run (exit {history.run(workers=history.draw.choice((1, 2)))})"


def _run_all(history: History) -> str:
    return f"run (exit {history.run()})"


def _run_parallel(history: History) -> str:
    return f"run with two workers (exit {history.run(workers=2)})"


def _part(draw: random.Random, seeds: tuple[int, ...]) -> dict[str, Any]:
    kind = draw.choice(("to", "from", "recipe", "seed", "both"))
    part: dict[str, Any] = {}
    if kind in ("to", "both"):
        part["last"] = draw.choice(ASSETS)
    if kind == "from":
        part["first"] = draw.choice(ASSETS)
    if kind in ("recipe", "both"):
        part["recipes"] = [draw.choice(RECIPES)]
    if kind == "seed":
        part["seeds"] = [draw.choice(seeds)]
    return part


def _run_part(history: History) -> str:
    part = _part(history.draw, history.seeds)
    return f"run a part {part} (exit {history.run(**part)})"


def _stopped(history: History, number: signal.Signals) -> str:
    """Something is edited first, so that there is something to do."""
    told = _edit(history)
    after = history.draw.uniform(0.5, 12.0)
    workers = history.draw.choice((1, 2))
    code = history.stop(number, after, workers=workers)
    return (
        f"{told}, then run with {workers} workers, {number.name} after {after:.1f} s (exit {code})"
    )


def _interrupt(history: History) -> str:
    told = _stopped(history, signal.SIGINT)
    history.steps.append(told)
    history.check()
    return f"run again (exit {history.run()})"


def _kill(history: History) -> str:
    told = _stopped(history, signal.SIGKILL)
    return f"{told}, run again (exit {history.run()})"


def _materialize(history: History) -> str:
    asset = history.draw.choice(("raw_corpus", "scored_corpus", "curated_mix", *PARTITIONED))
    if asset in PARTITIONED:
        partition = f"{history.draw.choice(RECIPES)}|{history.draw.choice(history.seeds)}"
    elif asset == "curated_mix":
        partition = history.draw.choice(RECIPES)
    else:
        partition = history.draw.choice(("stories", "ai_news", "chat"))
    code = history.operate("materialize", asset=asset, partition=partition)
    return f"dagster asset materialize {asset} {partition} (exit {code})"


def _collect(history: History) -> str:
    return f"collect garbage (exit {history.operate('gc')})"


Action = Callable[[History], str]
ACTIONS: Mapping[str, tuple[Action, int]] = {
    "edit": (_edit, 3),
    "edit and run": (_edit_and_run, 4),
    "run all": (_run_all, 1),
    "run in parallel": (_run_parallel, 1),
    "run a part": (_run_part, 4),
    "interrupt": (_interrupt, 3),
    "kill": (_kill, 3),
    "materialize": (_materialize, 2),
    "collect": (_collect, 2),
}
