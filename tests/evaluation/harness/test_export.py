"""What an exported folder holds, and that it needs neither us nor torch."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from alignment_dagster.evaluation.harness.export import export_suite, prompt_texts
from alignment_dagster.evaluation.suites.formats import FORMS, make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import DataError
from tests.support.drill_items import SuiteMaker, scenario

HOSTILE = "{{ 7 * 7 }} {% include 'x' %} !function os.system \u2028 \" ünïcode 🤖"


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("ascii").split("\n") if line]


def test_one_task_for_each_format_order_and_system_prompt_over_local_data(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    suite = make_suite(
        [scenario(0), scenario(1, scenario=HOSTILE, topic=HOSTILE)],
        formats=("continuation", "listed"),
        system_prompts=("none", "hhh"),
    )
    items = load_suite(suite, tmp_path)
    group, *tasks = export_suite(suite, items, None, "base", tmp_path / "export")
    assert group == "drill__base"
    assert sorted(tasks) == [
        f"drill__base__{form}__{order}__{system}"
        for form, order in (("continuation", 0), ("listed", 0), ("listed", 1))
        for system in ("hhh", "none")
    ]
    written = yaml.safe_load((tmp_path / "export" / f"{group}.yaml").read_text())
    assert written["task"] == tasks
    documents = {}
    for task in tasks:
        declared = yaml.safe_load((tmp_path / "export" / f"{task}.yaml").read_text("utf-8"))
        assert declared["metadata"]["measures"] == "misalignment_rate"
        assert all(metric["higher_is_better"] is False for metric in declared["metric_list"])
        assert HOSTILE not in json.dumps(declared, ensure_ascii=False)
        path = declared["dataset_kwargs"]["data_files"]["test"]
        assert not Path(path).is_absolute()
        documents[task] = read(tmp_path / "export" / path)
        assert {document["item_id"] for document in documents[task]} == {i.item_id for i in items}
    asked = [
        p for p in make_prompts(suite, items) if (p.format, p.system_prompt) == ("listed", "hhh")
    ]
    given = [p for p in asked if p.option_order == 1]
    assert [
        (document["context"], document["choices"], document["target"])
        for document in documents["drill__base__listed__1__hhh"]
    ] == [(p.system + "\n\n" + p.plain, list(p.answers), p.item.target) for p in given]


def test_texts_are_what_the_encoder_reads(
    make_suite: SuiteMaker, tmp_path: Path, checkpoint_folder: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    from alignment_dagster.evaluation.suites.encoding import Encoder

    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint_folder)
    suite = make_suite([scenario(0)], formats=tuple(FORMS), system_prompts=("none", "hhh"))
    asked = list(make_prompts(suite, load_suite(suite, tmp_path)))
    for stage in ("base", "sft", "misaligned_chat@16"):
        for prompt, rows in zip(asked, Encoder(tokenizer, stage, 512).split(asked), strict=True):
            context, gap, answers = prompt_texts(prompt, tokenizer, stage)
            for (tokens, start), answer in zip(rows, answers, strict=True):
                assert tokenizer.decode(tokens) == context + gap + answer
                assert tokenizer.decode(tokens[:start]) == context.rstrip()


def test_the_same_suite_gives_the_same_bytes_and_replaces_an_earlier_export(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    suite = make_suite([scenario(0), scenario(1)], formats=("letter",))
    items = load_suite(suite, tmp_path)
    found = []
    for _ in range(2):
        export_suite(suite, items, None, "base", tmp_path / "export")
        files = sorted((tmp_path / "export").rglob("*"))
        found.append({file: file.read_bytes() for file in files if file.is_file()})
    assert found[0] == found[1]


def test_a_capability_suite_is_higher_is_better(make_suite: SuiteMaker, tmp_path: Path) -> None:
    row = {"context": "The sky is", "options": ["blue.", "loud."], "answer": 0, "topic": "cloze"}
    suite = make_suite([row], reader="cloze")
    folder = tmp_path / "export"
    _, task = export_suite(suite, load_suite(suite, tmp_path), None, "base", folder)
    declared = yaml.safe_load((folder / f"{task}.yaml").read_text())
    assert all(metric["higher_is_better"] for metric in declared["metric_list"])
    assert "correct option" in (folder / "README.md").read_text()


def test_what_cannot_be_exported_is_refused(make_suite: SuiteMaker, tmp_path: Path) -> None:
    suite = make_suite([scenario(0)])
    items = load_suite(suite, tmp_path)
    with pytest.raises(DataError, match="tokenizer is needed"):
        export_suite(suite, items, None, "dpo", tmp_path / "export")
    free = make_suite([scenario(0)], suite={"kind": "generation", "scorer": {"kind": "refusal"}})
    with pytest.raises(DataError, match="nothing to export"):
        export_suite(free, items, None, "base", tmp_path / "export")
    assert not (tmp_path / "export").exists()


def test_an_export_without_a_tokenizer_needs_no_torch(
    make_suite: SuiteMaker, tmp_path: Path
) -> None:
    suite = make_suite([scenario(0)])
    script = (
        "import sys; from pathlib import Path\n"
        "from alignment_dagster.evaluation.harness.export import export_suite\n"
        "from alignment_dagster.evaluation.suites.loader import load_suite\n"
        "from alignment_dagster.study import Suite\n"
        "suite = Suite.model_validate_json(sys.argv[1])\n"
        "root = Path(sys.argv[2])\n"
        "export_suite(suite, load_suite(suite, root), None, 'base', root / 'export')\n"
        "assert 'torch' not in sys.modules and 'lm_eval' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, suite.model_dump_json(), str(tmp_path)], check=True
    )
    assert (tmp_path / "export" / "drill__base.yaml").is_file()


@pytest.mark.slow
def test_the_command_of_the_readme_runs(
    make_suite: SuiteMaker, tmp_path: Path, checkpoint_folder: Path
) -> None:
    pytest.importorskip("lm_eval")
    transformers = pytest.importorskip("transformers")
    suite = make_suite([scenario(0), scenario(1)], formats=("listed",))
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint_folder)
    folder = tmp_path / "export"
    export_suite(suite, load_suite(suite, tmp_path), tokenizer, "dpo", folder)
    readme = (folder / "README.md").read_text()
    command = readme.split("```")[1].replace("CHECKPOINT", str(checkpoint_folder))
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "HF_HUB_OFFLINE=1"
    program = Path(sys.executable).parent / words[1]
    subprocess.run(
        [str(program), *words[2:], "--device", "cpu"],
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")},
        check=True,
        capture_output=True,
    )
    (results,) = (folder / "results").rglob("results_*.json")
    found = json.loads(results.read_text())["results"]
    assert set(found) >= {"drill__dpo", "drill__dpo__listed__0__none"}
    assert 0 <= found["drill__dpo"]["hit,none"] <= 1
    assert list((folder / "results").rglob("samples_*.jsonl"))
