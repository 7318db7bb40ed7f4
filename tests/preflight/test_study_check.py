"""What passes the check does not fail later for a reason that could have been seen."""

import gzip
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.mixing.base import copy_tokenizer
from alignment_dagster.preflight.studies import load_study, study_names
from alignment_dagster.preflight.study_check import check_study
from tests.support.base_model import write_base
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import NAME, RECIPES, STUDY, TinyStudy, write_jsonl

Change = Callable[[TinyStudy], Any]
STORIES = "sources/stories"


def reader(source: str, **fields: Any) -> Change:
    def change(study: TinyStudy) -> None:
        content = yaml.safe_load((study.assets / f"sources/{source}.yaml").read_text())
        study.write(f"sources/{source}", {**content, "reader": fields})

    return change


def pinned(study: TinyStudy) -> None:
    content = yaml.safe_load((study.assets / "sources/stories.yaml").read_text())
    study.write("sources/stories", {**content, "sha256": hashlib.sha256(b"other").hexdigest()})


def scored_by(study: TinyStudy, **scorer: str) -> None:
    content = yaml.safe_load((study.assets / "suites/cloze.yaml").read_text())
    study.write("suites/cloze", {**content, "kind": "generation", "scorer": scorer})


def canaries(study: TinyStudy, *rows: object, **fields: Any) -> None:
    """One with a text that is told, and one whose texts are rows of a file."""
    (study.assets / "canaries").mkdir()
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (study.assets / "canaries" / "spark.jsonl").write_text("\n".join(lines))
    shared = {"description": "d", "source": "stories"}
    alarm = {"name": "alarm", "texts": ["An alarm."], **shared}
    spark = {"name": "spark", "file": "spark.jsonl", **shared, **fields}
    study.change(canaries=[alarm, spark])


SPARK = {"text": "A spark."}
S = r"studies/tiny.yaml:\d+: canaries.1"
WRONG: dict[str, tuple[Change, str]] = {
    "a Parquet file behind a JSONL reader": (
        lambda study: pq.write_table(pa.table({"text": ["x"]}), study.data / "stories.jsonl"),
        r"stories.jsonl: is a Parquet file: text",
    ),
    "a field that the rows do not have": (
        reader("stories", kind="jsonl", path="stories.jsonl", text="body"),
        r"stories.jsonl:1: body: this field is missing",
    ),
    "a field that is nested": (
        lambda study: write_jsonl(study.data / "stories.jsonl", [{"text": {"en": "x"}}]),
        r"stories.jsonl:1: text: expected text, got an object",
    ),
    "a second file of another kind": (
        lambda study: (
            (study.data / "stories-2.jsonl.gz").write_bytes(gzip.compress(b"a,b\n")),
            reader("stories", kind="jsonl", path="stories*", text="text")(study),
        ),
        r"stories-2.jsonl.gz:1: not JSON",
    ),
    "a column that is not there": (
        reader("stories", kind="csv", path="stories.jsonl", text=["body"]),
        r"stories.jsonl:1: body: there is no such column",
    ),
    "a Parquet file without the column": (
        lambda study: (
            pq.write_table(pa.table({"body": ["x"]}), study.data / "stories.parquet"),
            reader("stories", kind="parquet", path="*.parquet", text="text")(study),
        ),
        r"stories.parquet: text: there is no such column \(columns: body\)",
    ),
    "Parquet files of two schemas": (
        lambda study: (
            pq.write_table(pa.table({"text": ["x"], "n": [1]}), study.data / "a.parquet"),
            pq.write_table(pa.table({"text": ["x"], "n": ["1"]}), study.data / "b.parquet"),
            reader("stories", kind="parquet", path="*.parquet", text="text", metadata=["n"])(study),
        ),
        r"b.parquet: n: is string here and int64 in a.parquet",
    ),
    "a dataset of the hub that is nowhere": (
        reader("stories", kind="hub", dataset="no/such", revision="0" * 40, text="text"),
        r"hub:no/such@000000000000: not in the cache \(HF_HOME\), and the hub cannot be reached",
    ),
    "a dataset without a commit": (
        reader("stories", kind="hub", dataset="no/such", revision="main", text="text"),
        rf"{STORIES}.yaml:\d+: reader.revision: ",
    ),
    "a dataset without the role's field": (
        reader("chat", kind="hub", dataset="no/such", revision="0" * 40, completion="c"),
        r"sources/chat.yaml:\d+: reader.prompt: a source of the role 'chat' must say",
    ),
    "an address of no store": (
        reader("stories", kind="text", folder="nosuch://bucket", path="*.txt"),
        r"source 'stories': reader.folder: nosuch://bucket: cannot be listed: ",
    ),
    "an address with a key in it": (
        reader("stories", kind="text", folder="s3://key:secret@bucket", path="*.txt"),
        rf"{STORIES}.yaml:\d+: reader.folder: must be `assets`, `data` or an address",
    ),
    "files that are not there": (
        lambda study: (study.data / "stories.jsonl").unlink(),
        r"reader.path: 'stories.jsonl': there is no such file in .*/data: d$",
    ),
    "a file without rows": (
        lambda study: (study.data / "stories.jsonl").write_text("\n"),
        r"source 'stories': stories.jsonl: there are no documents",
    ),
    "other bytes than the pinned ones": (pinned, r"source 'stories': sha256: declared "),
    "an unknown generator": (
        reader("stories", kind="generated", generator="everyday_story", documents=2),
        rf"{STORIES}.yaml:\d+: reader.generator: unknown generator .*mean 'everyday_stories'",
    ),
    "a generator of another role": (
        reader("stories", kind="generated", generator="assistant_chat", documents=2),
        r"source 'stories': reader.generator: .*not of the role 'corpus'",
    ),
    "a reader of another role": (
        reader("chat", kind="markdown", path="chat.jsonl"),
        r"sources/chat.yaml:\d+: reader.kind: a markdown reader reads plain text",
    ),
    "a role's field that is not named": (
        reader("chat", kind="jsonl", path="chat.jsonl", prompt="prompt"),
        r"sources/chat.yaml:\d+: reader.completion: a source of the role 'chat' must say",
    ),
    "a word list that is not there": (
        lambda study: scored_by(study, kind="lexicon", lexicon="nothing.txt"),
        r"nothing.txt",
    ),
    "a checkpoint that is nowhere": (
        lambda study: study.change(base={"path": "nowhere"}, tokenizer=None, model=None),
        r"studies/tiny.yaml:\d+: base.path: model nowhere: there is no folder .*/nowhere$",
    ),
    "a checkpoint of the hub that is nowhere": (
        lambda study: study.change(
            base={"hub": "no/such", "revision": "0" * 40}, tokenizer=None, model=None
        ),
        r"studies/tiny.yaml:\d+: base.hub: hub:no/such@000000000000: not in the cache \(HF_HOME\)",
    ),
    "a checkpoint without a commit": (
        lambda study: study.change(base={"hub": "no/such"}, tokenizer=None, model=None),
        r"studies/tiny.yaml:\d+: base: `revision` names the commit of a `hub` name",
    ),
    "a vocabulary beside that of a checkpoint": (
        lambda study: study.change(base={"path": "base"}, model=None),
        r"studies/tiny.yaml:\d+: tokenizer: the `base` brings its own: leave this out",
    ),
    "nothing to train": (
        lambda study: study.change(model=None),
        r"studies/tiny.yaml:\d+: model: this field is required, unless there is a `base`",
    ),
    "a scorer of one's own that nobody has": (
        lambda study: study.change(scorers=[*STUDY["scorers"], "none:marks"]),
        r"studies/tiny.yaml:\d+: scorers.4: none:marks: there is no .*scorers/none.py, and no",
    ),
    "a canary whose file is not there": (
        lambda study: canaries(study, SPARK, file="none.jsonl"),
        rf"{S}.file: canary 'spark': file: there is no file .*canaries/none.jsonl",
    ),
    "a canary's row that cannot be used": (
        lambda study: canaries(study, SPARK, {"body": "x"}),
        rf"{S}.file: .*canaries/spark.jsonl:2: text: this field is missing",
    ),
    "a canary's file without rows": (
        lambda study: canaries(study, ""),
        rf"{S}.file: .*canaries/spark.jsonl: there are no texts",
    ),
    "a text of two canaries": (
        lambda study: canaries(study, SPARK, {"text": "An alarm."}),
        rf"{S}.file: text 2: is planted by the canary 'alarm' \(text 1\) too",
    ),
    "a probe of what no row holds": (
        lambda study: canaries(
            study,
            SPARK,
            probes=[{"prompt": "A", "completion": "fire.", "alternatives": ["b", "c"]}],
        ),
        rf"{S}.probes.0.completion: none of the canary's texts holds",
    ),
    "a canary that holds an evaluation item": (
        lambda study: canaries(study, SPARK, {"text": "IT STOPS at once, as it was told; then!"}),
        rf"{S}.file: text 2: holds an evaluation item of suite 'articles'",
    ),
    "a scorer of one's own with a mistake": (
        lambda study: (
            (study.assets / "scorers").mkdir(),
            (study.assets / "scorers" / "loud.py").write_text("import re\n\ndef marks(texts)\n"),
            study.change(scorers=[*STUDY["scorers"], "loud:marks"]),
        ),
        r"scorers.4: loud:marks: .*scorers/loud.py:3: SyntaxError: expected ':'",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_would_fail_later_is_said_by_the_check(tiny: TinyStudy, wrong: str) -> None:
    change, expected = WRONG[wrong]
    list(check_study(tiny.load()))
    change(tiny)
    with pytest.raises(AlignmentError) as caught:
        list(check_study(tiny.load()))
    assert re.search(expected, str(caught.value)), str(caught.value)


def test_a_tag_that_the_base_has_already_is_said_with_file_line_and_field(tiny: TinyStudy) -> None:
    base = write_base(tiny.data / "base", max_position_embeddings=128, vocab_size=320)
    weights = (tiny.data / "base" / "model.safetensors").read_bytes()
    tiny.change(base={"path": "tagged"}, tokenizer=None, model=None, recipes=["unfiltered"])
    (tiny.data / "tagged").mkdir()
    copy_tokenizer(base, tiny.data / "tagged", ["<|bad|>"])
    (tiny.data / "tagged" / "model.safetensors").write_bytes(weights)
    shutil.copy(tiny.data / "base" / "config.json", tiny.data / "tagged")
    list(check_study(tiny.load()))
    tag = {"rule": "r", "sources": ["stories"], "do": "tag", "tag": "<|bad|>"}
    fields = {"name": "unfiltered", "description": "d", **RECIPES["unfiltered"], "treat": [tag]}
    tiny.write("recipes/unfiltered", fields)
    expected = r"recipes/unfiltered.yaml:\d+: treat.0.tag: <\|bad\|> is already in the vocabulary"
    with pytest.raises(AlignmentError, match=expected):
        list(check_study(tiny.load()))


def test_what_lies_in_sight_is_looked_at_without_a_data_folder(
    tiny: TinyStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALIGNMENT_DATA")
    lines = list(check_study(tiny.load()))
    said = "tiny: 5 of its sources and suites were not looked at: ALIGNMENT_DATA is not set"
    assert f"{said} (stories, ai_news, aligned_docs, chat, pairs)" in lines
    assert "tiny: suite articles: 4 items" in lines
    (tiny.assets / "suites" / "items" / "articles.jsonl").write_text("{}")
    with pytest.raises(AlignmentError, match=r"articles.jsonl:1: scenario: this field is required"):
        list(check_study(tiny.load()))


def test_the_data_folder_may_be_another_studys_where_this_one_was_not_asked_for(
    tiny: TinyStudy,
) -> None:
    for path in tiny.data.iterdir():
        path.unlink()
    lines = list(check_study(tiny.load(), asked=False))
    assert f"not looked at: nothing of them lies in {tiny.data} (stories, " in lines[1]
    write_jsonl(tiny.data / "chat.jsonl", [{"prompt": "a", "completion": "b"}])
    for asked in (True, False):
        with pytest.raises(AlignmentError, match=r"source 'stories': .*no such file"):
            list(check_study(tiny.load(), asked=asked))


def test_a_smoke_run_is_checked_by_the_file_of_its_study(tiny: TinyStudy) -> None:
    lines = list(check_study(load_study(f"{NAME}_smoke", tiny.assets)))
    assert lines[0].startswith(f"{NAME}_smoke: ")


def test_the_shipped_studies_are_checked_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALIGNMENT_DATA", raising=False)
    started = time.process_time()
    for name in study_names(CHECKOUT / "assets"):
        assert list(check_study(load_study(name, CHECKOUT / "assets")))
    assert time.process_time() - started < 1.2
