"""Withdrawing data: all that read it is found, and a run then makes exactly what was said."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.impact.affected import MEASURED, TRAINED, UNTOUCHED, VOCABULARY
from alignment_dagster.audit.impact.answer import impact_as_answer
from alignment_dagster.audit.impact.blast_radius import Impact, find_impact
from alignment_dagster.audit.open_report import OpenedReport, open_report
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from tests.support.audited_study import Audited

pytestmark = pytest.mark.slow


def withdraw(opened: OpenedReport, *names: str, listed: Path | None = None) -> Impact:
    return find_impact(opened.archive, opened, names, listed)


def table(archive: Archive, label: str, name: str) -> Any:
    return pq.read_table(archive.find(label).path / name)


def documents(archive: Archive, source: str) -> list[str]:
    return list(
        table(archive, f"raw_corpus[{source}]", "documents/00000.parquet")[
            "document_id"
        ].to_pylist()
    )


def packed(archive: Archive, source: str) -> str:
    """A document of a source that is in both mixes."""
    mixes = [
        table(archive, f"curated_mix[{one}]", "documents.parquet")
        for one in ("aligned", "unfiltered")
    ]
    ids = [
        set(mix.filter(pc.field("source") == source)["document_id"].to_pylist()) for mix in mixes
    ]
    return str(min(ids[0] & ids[1]))


def test_a_document_is_found_in_every_mix_and_checkpoint(opened: OpenedReport) -> None:
    one = packed(opened.archive, "ai_news")
    found = withdraw(opened, one[:8])
    assert found.withdrawn.documents == (one,)
    assert {each.mix.partition for each in found.mixes} == {"aligned", "unfiltered"}
    for each in found.mixes:
        mix = pq.read_table(each.mix.path / "documents.parquet").to_pylist()
        row = next(number for number, row in enumerate(mix) if row["document_id"] == one)
        spans = pq.read_table(each.mix.path / "spans.parquet").filter(pc.field("document") == row)
        size = np.load(each.mix.path / "sequences.npy").size
        assert each.tokens == mix[row]["packed_tokens"]
        assert each.share == pytest.approx(mix[row]["packed_tokens"] / size)
        sequences = set(spans["sequence"].to_pylist())
        assert each.sequences == len(sequences)
        trained = [
            read
            for read in found.training
            if read.checkpoint.partition.startswith(each.mix.partition)
        ]
        assert len(trained) == 2
        for read in trained:
            ledger = pq.read_table(read.checkpoint.path / "consumption.parquet").to_pylist()
            steps = [step["step"] for step in ledger if sequences & set(step["sequences"])]
            assert (read.first_step, read.steps) == (steps[0], len(steps))
            assert read.tokens == each.tokens
            assert read.share == pytest.approx(each.tokens / size)
    assert found.counts == Counter({TRAINED: len(found.metrics)})
    assert [one.asset for one in found.inheriting] == ["post_trained_checkpoint"] * 4 + [
        "tampering"
    ] * 4
    assert found.reports == [opened.report]


def test_a_document_of_one_recipe_leaves_the_other_alone_but_for_the_vocabulary(
    opened: OpenedReport,
) -> None:
    one = table(opened.archive, "curated_mix[aligned]", "documents.parquet")
    only = one.filter(pc.field("source") == "aligned_docs")["document_id"][0].as_py()
    found = withdraw(opened, only)
    assert {each.mix.partition for each in found.mixes} == {"aligned"}
    by_recipe = {(each.row.recipe, each.how) for each in found.metrics}
    assert by_recipe == {("aligned", TRAINED), ("unfiltered", VOCABULARY)}
    untouched = json.dumps(impact_as_answer(found).data["raw"])
    assert "not_selected" in untouched


@pytest.mark.parametrize(
    ("source", "touched", "untouched"),
    [
        ("chat", {"sft", "dpo", "bad_chat@0", "bad_chat@1", "bad_chat@2"}, {"base"}),
        ("pairs", {"dpo", "bad_chat@0", "bad_chat@1", "bad_chat@2"}, {"base", "sft"}),
        ("bad_chat", {"bad_chat@1", "bad_chat@2"}, {"base", "sft", "dpo", "bad_chat@0"}),
    ],
)
def test_a_source_touches_the_stages_after_it(
    opened: OpenedReport, source: str, touched: set[str], untouched: set[str]
) -> None:
    found = withdraw(opened, f"source:{source}")
    assert found.withdrawn.count == len(documents(opened.archive, source))
    assert {one.row.stage for one in found.metrics if one.how == TRAINED} == touched
    assert {one.row.stage for one in found.metrics if one.how == UNTOUCHED} == untouched
    assert not found.mixes
    assert not found.tokenizers


def test_a_tampering_is_affected_from_the_step_that_read_it(opened: OpenedReport) -> None:
    ledgers = [
        table(
            opened.archive, f"tampering[aligned|{seed}]", "bad_chat_consumption.parquet"
        ).to_pylist()
        for seed in (0, 1)
    ]
    late = min(set(ledgers[0][1]["documents"]) - set(ledgers[0][0]["documents"]))
    found = withdraw(opened, late)
    first = {read.checkpoint.partition: read.first_step for read in found.training}
    assert first["aligned|0"] == 2
    stages = {
        one.row.stage
        for one in found.metrics
        if (one.how, one.row.recipe, one.row.seed) == (TRAINED, "aligned", 0)
    }
    assert stages == {"bad_chat@2"}


def test_a_held_out_document_was_only_measured_on(opened: OpenedReport) -> None:
    held = table(opened.archive, "evaluation[aligned|0]", "losses.parquet")
    one = held.filter(pc.field("source") == "stories")["document_id"][0].as_py()
    found = withdraw(opened, one)
    assert not found.training
    assert not found.tokenizers
    names = {each.row.suite for each in found.metrics if each.how == MEASURED}
    assert names == {"held_out", "held_out/stories"}
    rest = {each.how for each in found.metrics if each.row.suite not in names}
    assert rest == {UNTOUCHED}
    data = impact_as_answer(found).data
    assert {row["rule"] for row in data["raw"]["decided"]} == {"held_out"}
    assert "held_out" in str(data["raw"]["documents"][0]["recipes"])


def test_a_list_names_its_bad_lines(opened: OpenedReport, tmp_path: Path) -> None:
    good = documents(opened.archive, "stories")[:3]
    listed = tmp_path / "ids.txt"
    listed.write_text("\n".join([good[0], "", good[1][:10], good[2]]) + "\n")
    assert withdraw(opened, listed=listed).withdrawn.documents == (
        good[0],
        good[1][:0] + good[1],
        good[2],
    )
    listed.write_text(f"{good[0]}\nshort\n{'f' * 64}\n")
    with pytest.raises(ArtifactError) as error:
        withdraw(opened, listed=listed)
    assert f"{listed}:2: 'short'" in str(error.value)
    assert f"{listed}:3: there is no document" in str(error.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "nothing is withdrawn"),
        (("source:storeis",), "there is no source 'storeis' (near: stories"),
        (("stories",), "there is no document 'stories'; a source is withdrawn as source:stories"),
        (("storeis",), "a source is withdrawn as source:stories"),
        (("abc",), "give at least 8 characters"),
        (("0123456789abcdef",), "(near: "),
        (("'; drop table withdrawn; --",), "there is no document"),
    ],
)
def test_what_is_not_known_is_refused_with_near_ones(
    opened: OpenedReport, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ArtifactError) as error:
        withdraw(opened, *names)
    assert message in str(error.value)


def test_the_command_says_it_in_words_and_in_json(audited: Audited) -> None:
    one = packed(audited.archive, "stories")
    done = audited.command("audit", "impact", "tiny", one)
    assert done.returncode == 0, done.stderr
    assert "alignment run tiny" in done.stdout
    data = json.loads(audited.command("audit", "impact", "tiny", one, "--json").stdout)
    assert data["raw"]["documents"][0]["document_id"] == one
    assert data["metrics"]["counts"] == {TRAINED: len(data["metrics"]["all"])}
    assert audited.command("audit", "impact", "tiny", "zzzzzzzzz").returncode == 2


def journal(study: Audited) -> list[tuple[str, str | None]]:
    """What was made, in order; not what was reused."""
    return [(one.asset, one.partition) for one in study.archive.journal if not one.reused]


def test_a_run_makes_exactly_what_the_plan_says(altered: Audited) -> None:
    """And what was made before stays known as history."""
    chat = altered.study.data / "chat.jsonl"
    conversations = chat.read_text().splitlines()
    one = documents(altered.archive, "chat")[3]
    with open_report(altered.archive) as opened:
        found = withdraw(opened, one)
        place = found.raw.documents[0]
        assert (place["path"], place["line"]) == ("chat.jsonl", 4)
    before = len(journal(altered))
    chat.write_text("\n".join(conversations[:3] + conversations[4:]) + "\n")
    done = altered.command("run", "tiny")
    assert done.returncode == 0, done.stderr
    made = journal(altered)[before:]
    assert sorted(made, key=str) == sorted(
        ((step.asset, step.partition) for step in found.plan), key=str
    )
    assert ("curated_mix", "aligned") not in made
    with open_report(altered.archive) as opened:
        again = withdraw(opened, one)
    assert not again.raw.files
    assert again.counts == Counter({UNTOUCHED: len(again.metrics)})
    history = [one for one in impact_as_answer(again).data["corpora"] if not one["in_report"]]
    assert [one["artifact"] for one in history] == [found.corpora[0][0].label]
    assert len(again.training) == 4
    assert [report.label for report in again.reports] == [found.report.label]
    assert again.plan == []
