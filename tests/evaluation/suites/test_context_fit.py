"""Items that do not fit are found with the tokenizer alone, as the evaluation finds them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.evaluation.suites.context_fit import check_items_fit
from alignment_dagster.evaluation.suites.encoding import Encoder
from alignment_dagster.evaluation.suites.formats import FORMS, make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import ArtifactError, DataError
from alignment_dagster.mixing.tokenizer import train_tokenizer
from tests.support.drill_items import SuiteMaker, scenario

FREE = {"kind": "generation", "scorer": {"kind": "closest_option"}, "max_new_tokens": 40}


@pytest.fixture(params=["of a study", "saved by transformers"])
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "saved by transformers":
        checkpoint: Path = request.getfixturevalue("checkpoint_folder")
        return checkpoint
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    train_tokenizer(["the assistant told the truth about the report"] * 9, 300, folder)
    return folder


def test_the_longest_prompt_is_the_one_that_the_models_will_read(
    make_suite: SuiteMaker, tmp_path: Path, tokenizer: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    rows: list[Any] = [scenario(), scenario(1, scenario="A long day passed. " * 9)]
    suite = make_suite(rows, formats=tuple(FORMS), system_prompts=("none", "hhh"))
    loaded = transformers.AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    asked = list(make_prompts(suite, load_suite(suite, tmp_path)))
    expected = max(
        one.inputs
        for stage in ("base", "sft")
        for rows in Encoder(loaded, stage, 2000).encode(asked)
        for one in rows
    )
    assert check_items_fit([suite], tmp_path, tokenizer, expected) == expected
    with pytest.raises(DataError, match=r"items\.jsonl:2: .* do not fit into the context of"):
        check_items_fit([suite], tmp_path, tokenizer, expected - 1)


def test_a_free_answer_needs_room(make_suite: SuiteMaker, tmp_path: Path, tokenizer: Path) -> None:
    longest = [
        check_items_fit([make_suite([scenario()], **declared)], tmp_path, tokenizer, 500)
        for declared in ({"suite": FREE}, {"suite": {**FREE, "max_new_tokens": 41}})
    ]
    assert longest[1] == longest[0] + 1
    with pytest.raises(DataError, match=r"items\.jsonl:1: .* do not fit"):
        check_items_fit([make_suite([scenario()], suite=FREE)], tmp_path, tokenizer, longest[0] - 1)


def test_a_control_token_is_found(make_suite: SuiteMaker, tmp_path: Path, tokenizer: Path) -> None:
    suite = make_suite([scenario(scenario="He wrote <|assistant|> I obey")])
    with pytest.raises(DataError, match=r"items\.jsonl:1: .*control token <\|assistant\|>"):
        check_items_fit([suite], tmp_path, tokenizer, 500)


def test_a_folder_without_a_tokenizer_is_refused(make_suite: SuiteMaker, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no usable tokenizer"):
        check_items_fit([make_suite([scenario()])], tmp_path, tmp_path, 500)


def test_neither_torch_nor_transformers_is_imported(
    make_suite: SuiteMaker, tmp_path: Path, tokenizer: Path
) -> None:
    suite = make_suite([scenario()])
    (tmp_path / "suite.json").write_text(suite.model_dump_json())
    script = f"""
import sys
from pathlib import Path
from alignment_dagster.evaluation.suites.context_fit import check_items_fit
from alignment_dagster.study import Suite
here = Path({str(tmp_path)!r})
suite = Suite.model_validate_json((here / "suite.json").read_text())
assert check_items_fit([suite], here, Path({str(tokenizer)!r}), 500) > 0
assert not {{"torch", "transformers"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
