"""lm-evaluation-harness's multiple-choice tasks over local data, read without the harness.

A task is a YAML file. Its fields mean what they mean there: `doc_to_text`, `doc_to_choice` and
`doc_to_target` are names of fields or Jinja templates. Nothing is executed and nothing is
downloaded: what needs either is refused. White space around questions and options is removed.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from alignment_dagster.evaluation.suites.items import Item, Row, UnusableRow, read_csv, read_rows
from alignment_dagster.evaluation.suites.readers.templates import (
    TemplateCost,
    TemplateFault,
    render,
)
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.foreign_files import read_regular
from alignment_dagster.foundation.yaml_models import LARGEST, FieldPath, Located, read_yaml, shown
from alignment_dagster.study import Suite

ROWS = {"json": read_rows, "csv": read_csv}
NUMBER = re.compile(r"-?[0-9]{1,18}")
INDEX = re.compile(r"[0-9]{1,18}")
UNSUPPORTED = ("process_docs", "use_prompt", "custom_dataset", "gen_prefix", "description")
"""They would change what is asked."""


def read_lm_eval_task(path: Path, suite: Suite) -> Iterator[Item | UnusableRow]:
    """The items of the split that the harness evaluates: `test_split`, else `validation_split`.

    Raises:
        DeclarationError: names file, line and field of the task that cannot be used here.
        DataError: names the file that cannot be read.
    """
    task = _read_task(path)
    _check_task(task)
    name = task.data.get("task")
    topic = name if isinstance(name, str) and name.strip() else path.stem
    for row in _rows(task):
        if isinstance(row, UnusableRow):
            yield row
            continue
        try:
            yield _item(row, task, suite.name, topic)
        except UnusableRow as fault:
            yield fault


def _item(row: Row, task: Located, suite: str, topic: str) -> Item:
    options = row.options("doc_to_choice", _choices(row, task))
    question = row.require_text("doc_to_text", _value(row, task, "doc_to_text"))
    if question.isdigit():
        message = "a number: tasks with one context for each choice are not supported"
        raise row.error("doc_to_text", message)
    return row.item(suite, topic, question, options, _target(row, task, options))


def _read_task(path: Path, includers: tuple[Path, ...] = ()) -> Located:
    """The task's fields, over those of the file that it includes."""
    _refuse_code(path)
    task = read_yaml(path)
    if "include" not in task.data:
        return task
    included = _resolve_beside(task, ("include",), task.data["include"])
    if included in (path.resolve(), *includers):
        raise task.error(("include",), "the task includes itself")
    below = _read_task(included, (path.resolve(), *includers))
    return Located(path, {**below.data, **task.data}, task.lines)


def _refuse_code(path: Path) -> None:
    try:
        for token in yaml.scan(read_regular(path, LARGEST).decode("utf-8")):
            if isinstance(token, yaml.TagToken):
                place = f"{shown(path)}:{token.start_mark.line + 1}"
                raise DeclarationError(
                    f"{place}: `{''.join(filter(None, token.value))}`: a task that runs code "
                    "cannot be used; only fields and templates are read"
                )
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        # Reading the file properly says what is wrong with it.
        return


def _check_task(task: Located) -> None:
    """Refuse what would be asked differently than the task says."""
    kind = task.data.get("output_type", "generate_until")
    if kind != "multiple_choice":
        raise task.error(("output_type",), f"only `multiple_choice` can be read (got {kind!r})")
    path = task.data.get("dataset_path")
    if path not in ROWS:
        raise task.error(
            ("dataset_path",), f"only local data is read: `json` or `csv` (got {path!r})"
        )
    for field in UNSUPPORTED:
        if task.data.get(field):
            raise task.error((field,), "this field is not supported: it changes what is asked")
    if task.data.get("num_fewshot"):
        raise task.error(("num_fewshot",), "examples before the question are not supported")
    if task.data.get("target_delimiter", " ") != " ":
        raise task.error(("target_delimiter",), "options follow after one space, nothing else")


def _rows(task: Located) -> Iterator[Row | UnusableRow]:
    read = ROWS[task.data["dataset_path"]]
    for place, declared in _files(task):
        rows = read(_resolve_beside(task, place, declared))
        yield from _parse_numbers(list(rows)) if read is read_csv else rows


def _files(task: Located) -> list[tuple[FieldPath, Any]]:
    """The files of the evaluated split, with the field that names each."""
    field: FieldPath = ("dataset_kwargs", "data_files")
    arguments = task.data.get("dataset_kwargs")
    files = arguments.get("data_files") if isinstance(arguments, dict) else None
    if not files:
        raise task.error(field, "this field is required: it names the local files")
    split = task.data.get("test_split") or task.data.get("validation_split")
    if not split:
        raise task.error(("test_split",), "name the split: `test_split` or `validation_split`")
    if isinstance(files, dict):
        if split not in files:
            raise task.error(field, f"there is no file for the split {split!r}")
        field, files = (*field, split), files[split]
    elif split != "train":
        message = f"without splits all rows are `train`, but {split!r} is evaluated"
        raise task.error(field, message)
    if isinstance(files, list):
        return [((*field, number), file) for number, file in enumerate(files)]
    return [(field, files)]


def _resolve_beside(task: Located, field: FieldPath, declared: Any) -> Path:
    """A file that a task names, relative to the task's own folder, which it may not leave."""
    if not isinstance(declared, str) or "\0" in declared:
        raise task.error(field, f"expected the path of a file (got {declared!r})")
    folder = task.path.resolve().parent
    path = (folder / declared).resolve()
    if not path.is_relative_to(folder):
        raise task.error(field, f"{declared!r} must lie beside the task's file, or below")
    if not path.is_file():
        raise task.error(field, f"there is no file {shown(path)} (looked for beside the task)")
    return path


def _parse_numbers(rows: list[Row | UnusableRow]) -> list[Row | UnusableRow]:
    """Columns of whole numbers as numbers, as the harness's CSV loader reads them."""
    usable = [row for row in rows if isinstance(row, Row)]
    numeric = {
        name
        for name in (usable[0].data if usable else ())
        if all(NUMBER.fullmatch(row.data[name]) for row in usable)
    }
    return [
        replace(row, data={k: int(v) if k in numeric else v for k, v in row.data.items()})
        if isinstance(row, Row)
        else row
        for row in rows
    ]


def _value(row: Row, task: Located, field: str) -> Any:
    """What a `doc_to_…` field says of a row: the row's own field of that name, or a template."""
    declared = task.data.get(field)
    if declared is None:
        raise task.error((field,), "this field is required")
    if not isinstance(declared, str):
        return declared
    if declared in row.data:
        return row.data[declared]
    try:
        return render(declared, row.data)
    except TemplateFault as fault:
        raise row.error(field, str(fault)) from None
    except TemplateCost as cost:
        raise task.error((field,), f"{cost} (row {row.line})") from None


def _choices(row: Row, task: Located) -> Any:
    field = "doc_to_choice"
    value = _value(row, task, field)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, str):
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise row.error(field, f"expected a list of texts (got {value[:60]!r})") from None
    return value


def _target(row: Row, task: Located, options: tuple[str, ...]) -> int:
    """The index of the labelled option: a number, or the option's text."""
    field = "doc_to_target"
    value = _value(row, task, field)
    if not isinstance(value, str):
        return row.require_index(field, value, len(options))
    if INDEX.fullmatch(value.strip()) and task.data[field] not in row.data:
        return row.require_index(field, int(value), len(options))
    if value.strip() not in options:
        raise row.error(field, f"{value[:60]!r} is none of the {len(options)} options")
    return options.index(value.strip())
