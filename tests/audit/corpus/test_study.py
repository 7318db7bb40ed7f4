"""Of a study that was run, the story of a document agrees with every ledger."""

from typing import Any

import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.corpus.current import open_corpus
from alignment_dagster.audit.corpus.story import find_story
from alignment_dagster.audit.corpus.story_answer import story_as_answer
from alignment_dagster.audit.metrics import find_metric
from alignment_dagster.audit.open_report import OpenedReport
from alignment_dagster.audit.trace.document_path import path_as_json, trace_document
from alignment_dagster.lineage.shards import read_tables, shard_files
from alignment_dagster.steps.pages.scored_corpus import page_metadata
from tests.support.audited_study import Audited
from tests.support.read_page import Read
from tests.support.served_pages import page
from tests.support.tiny_study import NAME

pytestmark = pytest.mark.slow
METRIC = "misalignment_rate/articles/dpo/aligned"


@pytest.fixture(scope="module")
def trained(opened: OpenedReport) -> str:
    mix = opened.archive.find("curated_mix[aligned]")
    return str(pq.read_table(mix.path / "documents.parquet")["document_id"][0].as_py())


@pytest.fixture(scope="module")
def story(opened: OpenedReport, trained: str) -> dict[str, Any]:
    return dict(story_as_answer(find_story(opened.archive, trained)).data)


def test_it_tells_of_training_what_a_trace_tells(
    opened: OpenedReport, trained: str, story: dict[str, Any]
) -> None:
    traced = path_as_json(trace_document(opened, find_metric(opened, METRIC), trained), "a number")
    own = story["recipes"]["aligned"]
    assert own["mixes"] == traced["packed"]
    assert own["decisions"] == traced["dispositions"]
    assert story["scores"] == traced["scores"]
    steps = {(one["stage"], one["seed"]): one["steps"] for one in own["read"]}
    assert any(steps.values())
    for one in traced["read"]:
        assert steps.pop((one["stage"], one["seed"])) == one["steps"]
    assert {stage for stage, _ in steps} == {"bad_chat"}


def test_a_conversation_is_read_by_the_stages_after_pretraining(audited: Audited) -> None:
    (raw,) = [one for one in open_corpus(audited.archive).raw if one.partition == "chat"]
    document = read_tables(shard_files(raw, "documents"))["document_id"][0].as_py()
    found = story_as_answer(find_story(audited.archive, document, "unfiltered")).data
    read = {one["stage"] for one in found["recipes"]["unfiltered"]["read"] if one["steps"]}
    assert read == {"sft"}


def test_the_studys_page_leads_to_its_documents(audited: Audited) -> None:
    links = Read(page(audited.home, f"/{NAME}").html).links
    (address,) = [one for one in links if one.endswith(f"/{NAME}/corpus")]
    got = page(audited.home, address.partition(f"/{NAME}")[1] + "/corpus")
    assert got.status == 200


def test_the_scores_page_draws_what_a_bound_would_drop(audited: Audited) -> None:
    (scored,) = [one for one in open_corpus(audited.archive).scored if one.partition == "stories"]
    shown = page_metadata(audited.study.load(), scored)
    drawn = {name for name in shown if name.startswith("thresholds/")}
    assert drawn == {"thresholds/text_stats.words"}
