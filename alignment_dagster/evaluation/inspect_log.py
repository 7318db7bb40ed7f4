"""An evaluation's answers as logs of Inspect, for its viewer: one log for each suite and stage.

The logs are written through Inspect's own classes, so a release that no longer reads them fails
here and not in front of a reviewer; Inspect is an extra, imported only where it is used. The logs
carry no time of their own (Inspect asks for one: it is the beginning of Unix time), so that the
same answers give the same log; when the checkpoint was evaluated stands in the artifact's
provenance.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from alignment_dagster.evaluation.suites.encoding import BASE_STAGE
from alignment_dagster.evaluation.suites.formats import Prompt, make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.study import Suite

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

CREATED = "1970-01-01T00:00:00+00:00"
SCORER = "hit"
Key = tuple[str, str, str, int, str]
"""Suite, item, format, order of the options, system prompt."""


def write_inspect_logs(
    items: pa.Table,
    suites: Sequence[Suite],
    assets: Path,
    folder: Path,
    model_name: str,
    generations: pa.Table | None = None,
) -> tuple[Path, ...]:
    """Write the logs into `folder`; `inspect view --log-dir FOLDER` shows them.

    A sample is one prompt. Its score is 1 where the answer is the target: the misaligned option,
    in capability suites the correct one (where it ties with others, of k options 1/k); in suites
    that are answered freely, where the scorer flagged the text.

    Args:
        items: answers of one recipe and seed (schema `ITEMS`).
        suites: the declared suites; the text of items comes from their files.
        assets: the folder of declarations.
        folder: is made.
        model_name: shown as the model, for example the recipe and seed.
        generations: texts of suites that are answered freely (schema `GENERATIONS`).

    Returns:
        The files that were written.

    Raises:
        AlignmentError: if Inspect is not installed.
        DataError: if an answered item is not in its suite's file any more.
    """
    try:
        from inspect_ai.log import write_eval_log
    except ImportError:
        raise AlignmentError(
            "Inspect logs need inspect-ai: pip install 'alignment-dagster[inspect]'"
        ) from None
    declared = {suite.name: suite for suite in suites}
    prompts = {
        _prompt_key(prompt.item.suite, prompt.item.item_id, vars(prompt)): prompt
        for suite in suites
        for prompt in make_prompts(suite, load_suite(suite, assets))
    }
    written = [] if generations is None else generations.to_pylist()
    texts = {_answer_key(row): row for row in written}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for (name, stage), rows in groupby(sorted(items.to_pylist(), key=_log_key), key=_log_key):
        if name not in declared:
            raise DataError(f"suite {name}: it was answered, but is not among the declared suites")
        samples = [_sample(row, _find_prompt(prompts, row), texts, model_name) for row in rows]
        path = (
            folder
            / f"{CREATED.replace(':', '-')}_{_file_name_part(name)}_{_file_name_part(stage)}.json"
        )
        write_eval_log(_eval_log(declared[name], stage, model_name, samples), str(path))
        paths.append(path)
    return tuple(paths)


def _log_key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["suite"], row["stage"]


def _prompt_key(suite: str, item_id: str, row: Mapping[str, Any]) -> Key:
    return suite, item_id, row["format"], row["option_order"], row["system_prompt"]


def _find_prompt(prompts: Mapping[Key, Prompt], row: Mapping[str, Any]) -> Prompt:
    key = _prompt_key(row["suite"], row["item_id"], row)
    if key not in prompts:
        raise DataError(
            f"suite {row['suite']}: item {row['item_id'][:12]} was answered in the format "
            f"{row['format']}, but the suite does not ask it now: it changed since"
        )
    return prompts[key]


def _answer_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["stage"], row["suite"], row["item_id"], row["format"], row["system_prompt"]


def _sample(
    row: Mapping[str, Any],
    prompt: Prompt,
    texts: Mapping[tuple[str, ...], Mapping[str, Any]],
    model_name: str,
) -> "EvalSample":
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import Score

    written = texts.get(_answer_key(row))
    text = written["text"] if written else ""
    answer = prompt.answers[row["choice"]] if prompt.answers else text
    metadata = {name: value for name, value in row.items() if name not in ("choice", "hit")}
    if written:
        metadata["score"] = written["score"]
    output = ModelOutput.from_content(model_name, answer)
    plain, messages = _input(row["stage"], prompt)
    name = f"{row['item_id'][:16]}-{row['format']}-{row['option_order']}-{row['system_prompt']}"
    return EvalSample(
        id=name,
        epoch=1,
        input=messages or plain,
        choices=list(prompt.answers) or None,
        target=prompt.answers[row["target"]] if prompt.answers else "",
        messages=[*messages, output.message],
        output=output,
        scores={
            SCORER: Score(value=row["hit"], answer=answer, explanation=_explanation(row, prompt))
        },
        metadata=metadata,
    )


def _input(stage: str, prompt: Prompt) -> tuple[str, list[Any]]:
    """Plain text for the base model, the conversation for any other."""
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser

    if stage == BASE_STAGE:
        return (prompt.system + "\n\n" if prompt.system else "") + prompt.plain, []
    system = [ChatMessageSystem(content=prompt.system)] if prompt.system else []
    return "", [*system, ChatMessageUser(content=prompt.message)]


def _explanation(row: Mapping[str, Any], prompt: Prompt) -> str | None:
    """The log-probability of every option, as a list."""
    if not prompt.answers:
        return None
    rule = "per token" if prompt.by_token else "summed"
    lines = [
        f"{value:.4f} nats, {value / count:.4f} per token ({count} tokens): " + answer
        for answer, value, count in zip(
            prompt.answers, row["log_probabilities"], row["tokens"], strict=True
        )
    ]
    return "\n".join([f"Options are compared by their log-probability, {rule}.", *lines])


def _eval_log(
    suite: Suite, stage: str, model_name: str, samples: "Sequence[EvalSample]"
) -> "EvalLog":
    from inspect_ai import log

    rate = sum(float(sample.scores[SCORER].value) for sample in samples if sample.scores)
    metric = log.EvalMetric(name=suite.metric, value=rate / len(samples))
    return log.EvalLog(
        status="success",
        eval=log.EvalSpec(
            created=CREATED,
            run_id=f"{model_name} {stage}",
            task=suite.name,
            task_id=f"{suite.name} {stage}",
            dataset=log.EvalDataset(
                name=suite.name,
                location=suite.items.path,
                samples=len(samples),
                sample_ids=[sample.id for sample in samples],
            ),
            model=model_name,
            config=log.EvalConfig(epochs=1),
            metadata={
                "stage": stage,
                "description": suite.description,
                "licence": suite.licence,
                "split": suite.split,
            },
        ),
        results=log.EvalResults(
            total_samples=len(samples),
            completed_samples=len(samples),
            scores=[log.EvalScore(name=SCORER, scorer=SCORER, metrics={metric.name: metric})],
        ),
        stats=log.EvalStats(started_at=CREATED, completed_at=CREATED),
        samples=list(samples),
    )


def _file_name_part(name: str) -> str:
    """A part of a file's name; Inspect separates them by underscores."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", name)
