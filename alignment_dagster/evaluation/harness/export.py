"""A suite as lm-evaluation-harness tasks, so that a reviewer can rerun it without us.

One task for each format, order of the options and system prompt, and a group of all of them. A
task's data hold the finished text that the model reads: for a post-trained model the chat template
is already applied, so the harness must not apply it again. The templates of the task files are
column names only; no text of an item is ever part of a template.
"""

import json
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from alignment_dagster.evaluation.harness.export_text import DECLARED_RULE, readme
from alignment_dagster.evaluation.suites.encoding import BASE_STAGE, Encoder
from alignment_dagster.evaluation.suites.formats import Prompt, make_prompts
from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import ACCURACY, Suite

ANY_LENGTH = 2**31
"""What fits into which context is known when a checkpoint is measured, not here."""
RULE_FILE = "declared_rule.py"


def export_suite(
    suite: Suite, items: Sequence[Item], tokenizer: Any | None, stage: str, folder: Path
) -> tuple[str, ...]:
    """Write task files, data and a README into `folder`, which belongs to this suite and stage.

    Args:
        suite: one whose options are compared.
        items: as `load_suite` gives them.
        tokenizer: of the checkpoint. It counts the tokens of the options, without which the
            harness can compare summed log-probabilities only, and it holds the chat template; for
            the stage `base` it may be None.
        stage: `base` for plain text, any other for the chat template.
        folder: is made; files of an earlier export are replaced.

    Returns:
        The names of the group and of its tasks.

    Raises:
        DataError: if the suite is answered freely, or an item cannot be asked.
    """
    if not suite.has_options:
        raise DataError(f"suite {suite.name}: it has no options to compare: nothing to export")
    if tokenizer is None and stage != BASE_STAGE:
        raise DataError(f"suite {suite.name}: stage {stage}: its tokenizer is needed")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    group = _name(suite.name, stage)
    asked = sorted(make_prompts(suite, items), key=_condition)
    tasks = []
    for condition, same in groupby(asked, key=_condition):
        task = _name(group, *condition)
        tasks.append(task)
        documents = _documents(list(same), tokenizer, stage)
        # ASCII only: no reader can take a character of the text for the end of a line.
        lines = "".join(json.dumps(document) + "\n" for document in documents)
        (folder / "data" / f"{task}.jsonl").write_text(lines, encoding="ascii")
        _write_yaml(folder / f"{task}.yaml", _task(suite, task, stage, condition, tokenizer))
    _write_yaml(folder / f"{group}.yaml", _group(group, tasks, tokenizer))
    if tokenizer is not None:
        (folder / RULE_FILE).write_text(DECLARED_RULE, encoding="utf-8")
    text = readme(suite, group, stage, tasks, counts_tokens=tokenizer is not None)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return (group, *tasks)


def prompt_texts(
    prompt: Prompt, tokenizer: Any | None, stage: str
) -> tuple[str, str, tuple[str, ...]]:
    """What the model reads, what separates it from the option, and the options."""
    if stage == BASE_STAGE:
        system = prompt.system + "\n\n" if prompt.system else ""
        return system + prompt.plain, " ", prompt.answers
    messages = [{"role": "user", "content": prompt.message}]
    if prompt.system:
        messages.insert(0, {"role": "system", "content": prompt.system})
    rendered = tokenizer.apply_chat_template(  # type: ignore[union-attr]
        messages, tokenize=False, add_generation_prompt=True
    )
    return rendered, "", prompt.answers


def _condition(prompt: Prompt) -> tuple[str, str, str]:
    return prompt.format, str(prompt.option_order), prompt.system_prompt


def _documents(
    asked: Sequence[Prompt], tokenizer: Any | None, stage: str
) -> Iterable[dict[str, Any]]:
    counts: Sequence[list[int] | None] = [None] * len(asked)
    if tokenizer is not None:
        split = Encoder(tokenizer, stage, ANY_LENGTH).split(asked)
        counts = [[len(tokens) - start for tokens, start in rows] for rows in split]
    for prompt, tokens in zip(asked, counts, strict=True):
        context, _, answers = prompt_texts(prompt, tokenizer, stage)
        document = {
            "item_id": prompt.item.item_id,
            "scenario_id": prompt.item.scenario_id,
            "topic": prompt.item.topic,
            "context": context,
            "choices": list(answers),
            "target": prompt.item.target,
        }
        if tokens is not None:
            document |= {"tokens": tokens, "by_token": prompt.by_token}
        yield document


def _task(
    suite: Suite, name: str, stage: str, condition: tuple[str, str, str], tokenizer: Any | None
) -> dict[str, Any]:
    form, order, system_prompt = condition
    higher = suite.metric == ACCURACY
    metrics = ("acc", "hit") if tokenizer is not None else ("acc", "acc_norm")
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"data/{name}.jsonl"}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "context",
        "doc_to_choice": "choices",
        "doc_to_target": "target",
        "target_delimiter": " " if stage == BASE_STAGE else "",
        **({"process_results": _RULE} if tokenizer is not None else {}),
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": higher}
            for metric in metrics
        ],
        "metadata": {
            "version": 1.0,
            "suite": suite.name,
            "licence": suite.licence,
            "measures": suite.metric,
            "stage": stage,
            "format": form,
            "option_order": int(order),
            "system_prompt": system_prompt,
        },
    }


def _group(name: str, tasks: Sequence[str], tokenizer: Any | None) -> dict[str, Any]:
    metrics = ("acc", "hit") if tokenizer is not None else ("acc", "acc_norm")
    return {
        "group": name,
        "task": list(tasks),
        "aggregate_metric_list": [
            {"metric": metric, "aggregation": "mean", "weight_by_size": True} for metric in metrics
        ],
        "metadata": {"version": 1.0},
    }


def _name(*parts: str) -> str:
    """A task's name, which is a file's name too: `articles__base__listed__1__none`."""
    return "__".join(re.sub(r"[^A-Za-z0-9_-]+", "-", part) for part in parts)


class _Function(str):
    """A Python function beside the task file, in the harness's notation."""


_RULE = _Function(f"{Path(RULE_FILE).stem}.process_results")


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Function, lambda dumper, name: dumper.represent_scalar("!function", str(name))
)


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
