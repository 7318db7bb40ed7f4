"""What `docs/architecture.md` says of adding a scorer, a reader, an objective, an asset is true.

Each is added to a copy of the package, by exactly the listed edits: no other file is touched, and
it works.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from drills import warm
from tests.support.checkout import CHECKOUT

PARTS = ("alignment_dagster", "assets", "dbt_project", "dagster.yaml", "workspace.yaml")
LEFT_OUT = shutil.ignore_patterns("target", "logs")
PAGE = CHECKOUT / "docs" / "architecture.md"

SCORER = '''"""`exclamations`: how often a text shouts."""

import pyarrow as pa

from alignment_dagster.scoring.scorer import ScoreBatch, Scorer, ScoringContext, no_inputs


def _bind(_context: ScoringContext) -> ScoreBatch:
    return lambda texts: pa.table({"marks": [text.count("!") for text in texts]})


SCORER = Scorer("exclamations", "1", {"marks": pa.int64()}, _bind, no_inputs)
'''
READER = '''"""Text files: one line a document."""

from collections.abc import Iterator, Sequence

from alignment_dagster.corpus.files import Readable
from alignment_dagster.corpus.lines import read_lines
from alignment_dagster.corpus.rows import RawRow
from alignment_dagster.study.sources import LinesReader


def read_text_lines(_reader: LinesReader, files: Sequence[Readable]) -> Iterator[RawRow]:
    for file in files:
        for line, text in read_lines(file):
            yield RawRow(text.strip(), None, None, file.name, line)
'''
DECLARED_READER = '''class LinesReader(FileReader):
    """One line a document."""

    kind: Literal["lines"]


'''
OBJECTIVE = '''"""`smoothed`: maximum likelihood with label smoothing."""

from torch import Tensor
from torch.nn import functional

from alignment_dagster.training.objectives.targets import Targets


def smoothed(logits: Tensor, targets: Targets) -> Tensor:
    predictions, following = logits.flatten(0, 1).float(), targets.tokens.flatten()
    return functional.cross_entropy(predictions, following, reduction="sum", label_smoothing=0.1)


OBJECTIVE = smoothed
'''
STEP = '''"""`mix_size`: how many sequences a mix has."""

import numpy as np

from alignment_dagster import chain
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps.pages.mix_size import page_metadata


def build(context: BuildContext) -> BuildResult:
    mix = context.parents.one(chain.CURATED_MIX)
    size = len(np.load(mix.path / file_names.SEQUENCES))
    (context.folder / "size.txt").write_text(f"{size}")
    return BuildResult((Check(name="not_empty", passed=size > 0, summary=f"{size} sequences."),))


STEP = Step(
    asset=chain.MIX_SIZE,
    kinds=frozenset({"python"}),
    description="How many sequences a mix has.",
    code_version="1",
    modules=("steps/mix_size.py",),
    parents=lambda _study, partition: (ParentSpec(chain.CURATED_MIX, partition),),
    config=lambda _study, _partition: {},
    build=build,
    page_metadata=page_metadata,
    checks={"not_empty": "There is one."},
)
'''
STEP_PAGE = '''"""What Dagster's pages show of `mix_size`."""

from collections.abc import Mapping
from typing import Any

from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.study import Study


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    return {"sequences": int((artifact.path / "size.txt").read_text())}
'''

Edits = Mapping[str, str | tuple[tuple[str, str], ...]]
"""File (of the package) → the whole text of a new one, or what is replaced by what."""
ADDITIONS: Mapping[str, tuple[str, Edits]] = {
    "scorer": (
        "exclamations",
        {
            "scoring/exclamations.py": SCORER,
            "scoring/__init__.py": (
                ("    contamination,\n", "    contamination,\n    exclamations,\n"),
                ("        contamination.SCORER,\n",
                 "        contamination.SCORER,\n        exclamations.SCORER,\n"),
            ),
        },
    ),
    "reader": (
        "lines",
        {
            "corpus/readers/lines.py": READER,
            "corpus/readers/__init__.py": (
                ("from alignment_dagster.corpus.readers.markdown",
                 "from alignment_dagster.corpus.readers.lines import read_text_lines\n"
                 "from alignment_dagster.corpus.readers.markdown"),
                ("from alignment_dagster.study import (\n",
                 "from alignment_dagster.study.sources import LinesReader\n"
                 "from alignment_dagster.study import (\n"),
                ("    MarkdownReader: read_markdown,\n",
                 "    MarkdownReader: read_markdown,\n    LinesReader: read_text_lines,\n"),
            ),
            "study/sources.py": (
                ("Reader = Annotated[", DECLARED_READER + "Reader = Annotated["),
                ("    | MarkdownReader\n", "    | MarkdownReader\n    | LinesReader\n"),
            ),
        },
    ),
    "objective": (
        "smoothed",
        {
            "training/objectives/smoothed.py": OBJECTIVE,
            "training/objectives/__init__.py": (
                ('("maximum_likelihood", *', '("maximum_likelihood", "smoothed", *'),
            ),
        },
    ),
    "asset": (
        "mix_size",
        {
            "steps/mix_size.py": STEP,
            "steps/pages/mix_size.py": STEP_PAGE,
            "steps/registry.py": (
                ("    marts,\n", "    marts,\n    mix_size,\n"),
                ("        harness.STEP,\n", "        harness.STEP,\n        mix_size.STEP,\n"),
            ),
            "chain.py": (
                ('CURATED_MIX = "curated_mix"\n',
                 'CURATED_MIX = "curated_mix"\nMIX_SIZE = "mix_size"\n'),
                ("MIX, (RAW_CORPUS, SCORED_CORPUS, DISPOSITIONS, TOKENIZER)),),\n",
                 "MIX, (RAW_CORPUS, SCORED_CORPUS, DISPOSITIONS, TOKENIZER)),\n"
                 "     Asset(MIX_SIZE, By.RECIPE, MIX, (CURATED_MIX,))),\n"),
            ),
        },
    ),
}  # fmt: skip
WORKS = {
    "scorer": """
import pyarrow as pa
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.scoring import SCORERS, ScoringContext, score
documents = pa.table({"document_id": ["a", "b"], "text": ["No! Stop!", "Yes."]})
found = score(documents, SCORERS["exclamations"], ScoringContext(tiny.assets)).table
assert found.to_pydict() == {"document_id": ["a", "b"], "marks": [2, 0]}
rule = {"rule": "loud", "scorer": "exclamations", "column": "marks", "above": 1}
tiny.change(
    scorers=[*STUDY["scorers"], "exclamations"], drop=[{**rule, "column": "mraks"}],
    held_out_share=0.001,
)
try:
    tiny.load()
except DeclarationError as error:
    assert "exclamations has no column 'mraks'; did you mean 'marks'" in str(error)
else:
    raise AssertionError("a column that is not there was accepted")
import pyarrow.parquet as pq
from alignment_dagster.cli.main import app
with (tiny.data / "stories.jsonl").open("a") as stories:
    stories.write('{"text": "Stop! Ann hid the key! Run!"}\\n')
tiny.change(drop=[rule])
app(["run", "tiny", "--to", "dispositions"], standalone_mode=False)
lake = tiny.assets.parent / "home" / "lake" / "tiny"
(path,) = lake.glob("dispositions/**/unfiltered/pretraining.parquet")
dropped = [row for row in pq.read_table(path).to_pylist() if row["rule"] == "loud"]
assert [(row["source"], row["value"]) for row in dropped] == [("stories", 3.0)], dropped
""",
    "reader": """
from alignment_dagster.corpus.documents import ShardReader
from alignment_dagster.corpus.sources import read_source
(tiny.data / "stories.txt").write_text("One story.\\nAnother story.\\nOne story.\\n")
path = tiny.assets / "sources" / "stories.yaml"
declared = yaml.safe_load(path.read_text())
declared["reader"] = {"kind": "lines", "path": "stories.txt"}
tiny.write("sources/stories", declared)
source = tiny.load().source("stories")
(shard,) = ShardReader(source).read(read_source(source, tiny.data))
assert shard.documents["text"].to_pylist() == ["One story.", "Another story."]
assert shard.repeats["line"].to_pylist() == [3]
""",
    "objective": """
import numpy as np
from transformers import LlamaConfig, LlamaForCausalLM
from alignment_dagster.training.pretraining.data import PackedMix
from alignment_dagster.training.pretraining.loop import Loop
losses = []
for objective in ("maximum_likelihood", "smoothed"):
    tiny.change(pretraining={**STUDY["pretraining"], "objective": objective})
    declared = tiny.load().declaration.pretraining
    config = LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2,
    )
    import torch
    torch.manual_seed(0)
    tokens = np.random.default_rng(0).integers(0, 50, (16, 8)).astype("uint16")
    loop = Loop(LlamaForCausalLM(config), PackedMix(tokens), declared, seed=0)
    loop.step()
    loop.step()
    losses.append(loop.state.log[1]["loss"])
assert loop.done and np.isfinite(losses).all() and losses[0] != losses[1], losses
""",
    "asset": """
import dagster as dg
from alignment_dagster.audit.pages.geometry import COLUMNS
from alignment_dagster.cli.main import app
from alignment_dagster.definitions import definitions_of
app(["run", "tiny", "--recipe", "unfiltered", "--to", "mix_size"], standalone_mode=False)
node = definitions_of((tiny.load(),)).resolve_asset_graph().get(dg.AssetKey(["tiny", "mix_size"]))
assert node.parent_keys == {dg.AssetKey(["tiny", "curated_mix"])}
assert ("mix_size",) in COLUMNS
made = list((tiny.assets.parent / "home" / "lake" / "tiny").glob("mix_size/unfiltered/*/size.txt"))
assert [one.read_text() for one in made] == ["100"], made
""",
}
"""Run against the copy, with `tiny`: a small study."""


def listed(kind: str, name: str) -> set[str]:
    """The files that the page lists under `### A scorer` (reader, ...)."""
    found = re.search(rf"### An? {kind}\n(.*?)(?=\n##|\Z)", PAGE.read_text("utf-8"), re.DOTALL)
    assert found, kind
    paths = re.findall(r"^- `([^`]+)`", found[1], re.MULTILINE)
    return {path.replace("NAME", name) for path in paths}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def apply(edits: Edits, package: Path) -> None:
    for name, edit in edits.items():
        path = package / name
        if isinstance(edit, str):
            assert not path.exists(), path
            path.write_text(edit, encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        for old, new in edit:
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ADDITIONS)
def test_an_addition_touches_the_listed_files_and_works(kind: str, tmp_path: Path) -> None:
    name, edits = ADDITIONS[kind]
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in PARTS:
        source, target = CHECKOUT / part, copy / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_OUT)
        else:
            shutil.copy(source, target)
    before = contents(copy)
    apply(edits, copy / "alignment_dagster")
    after = contents(copy)
    touched = {path for path in after if before.get(path) != after[path]}
    assert touched == listed(kind, name)
    assert_works(WORKS[kind], copy, tmp_path / "study")


def assert_works(script: str, copy: Path, study: Path) -> None:
    """In a process of the copy; where it runs the study, dbt and MLflow's tables are those of here:
    they are none of the package."""
    head = (
        "import yaml\n"
        "from pathlib import Path\n"
        "import alignment_dagster\n"
        f"assert Path(alignment_dagster.__file__).is_relative_to({str(copy)!r})\n"
        "from tests.support.tiny_study import STUDY, create\n"
        f"tiny = create(Path({str(study)!r}))\n"
    )
    if "app(" in script:
        head += (
            "from drills.warm import dbt as warm_dbt, mlflow as warm_mlflow\n"
            f"warm_dbt.use(lambda: Path({str(warm.shared().dbt_socket)!r}))\n"
            f"warm_mlflow.use(lambda: Path({str(warm.shared().mlflow)!r}))\n"
        )
    environment = {
        **os.environ,
        "PYTHONPATH": f"{copy}{os.pathsep}{CHECKOUT}",
        "ALIGNMENT_ASSETS": str(study / "assets"),
        "ALIGNMENT_DATA": str(study / "data"),
        "ALIGNMENT_HOME": str(study / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + script],
        cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize("kind", ["chart on a page", "command"])
def test_what_the_page_names_is_there(kind: str) -> None:
    """What has no test of its own: every file that is not a new one."""
    there = [path for path in listed(kind, "NAME") if "NAME" not in path]
    assert there
    assert all((CHECKOUT / path).is_file() for path in there)
