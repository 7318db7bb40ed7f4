"""From a number down to raw rows: every level is counted, and the counts are those of the files."""

import json
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.metrics import find_metric
from alignment_dagster.audit.open_report import OpenedReport, open_report
from alignment_dagster.audit.trace.answer import trace_as_answer
from alignment_dagster.audit.trace.document_path import trace_document
from alignment_dagster.audit.trace.metric_trace import Trace, trace_metric
from alignment_dagster.foundation.errors import ArtifactError
from tests.support.audited_study import Audited

pytestmark = pytest.mark.slow
STAGES = {
    "base": [],
    "sft": ["sft"],
    "dpo": ["sft", "dpo"],
    "bad_chat@0": ["sft", "dpo"],
    "bad_chat@1": ["sft", "dpo", "bad_chat"],
    "bad_chat@2": ["sft", "dpo", "bad_chat"],
}


def traced(opened: OpenedReport, name: str) -> Trace:
    return trace_metric(opened, find_metric(opened, name), 5)


def table(opened: OpenedReport, label: str, name: str) -> Any:
    return pq.read_table(opened.archive.find(label).path / name)


@pytest.fixture(scope="module")
def dpo(opened: OpenedReport) -> dict[str, Any]:
    return dict(trace_as_answer(traced(opened, "misalignment_rate/articles/dpo/aligned")).data)


def test_the_totals_are_those_of_the_files(opened: OpenedReport, dpo: dict[str, Any]) -> None:
    mix = opened.archive.find("curated_mix[aligned]")
    sequences = np.load(mix.path / "sequences.npy")
    documents = pq.read_table(mix.path / "documents.parquet").to_pylist()
    spans = pq.read_table(mix.path / "spans.parquet").to_pylist()
    assert [one["artifact"] for one in dpo["mixes"]] == [mix.label]
    found = dpo["mixes"][0]
    assert found["sequences"] * found["sequence_length"] == sequences.size == found["tokens"]
    assert found["tokens"] == sum(span["end"] - span["start"] for span in spans)
    assert found["documents"] == len(documents)
    assert found["tokens_over_seeds"] == 2 * sequences.size
    assert (found["copies"], found["spans"]) == (
        len({(span["document"], span["copy"]) for span in spans}),
        len(spans),
    )
    by_source = Counter[str]()
    for row in documents:
        by_source[row["source"]] += row["packed_tokens"]
    assert {row["source"]: row["tokens"] for row in found["sources"]} == by_source
    assert dpo["totals_add_up"]
    assert not dpo["gaps"]


def test_every_sequence_is_read_once_by_every_seed(
    opened: OpenedReport, dpo: dict[str, Any]
) -> None:
    for seed in (0, 1):
        ledger = table(opened, f"pretrained_checkpoint[aligned|{seed}]", "consumption.parquet")
        read = [one for step in ledger["sequences"].to_pylist() for one in step]
        assert sorted(read) == list(range(dpo["mixes"][0]["sequences"]))
        told = [
            one
            for one in dpo["checkpoints"]
            if (one["seed"], one["stage"]) == (seed, "pretraining")
        ]
        assert [one["sequences"] for one in told] == [len(read)]
        assert told[0]["steps"] == ledger.num_rows
        assert told[0]["tokens"] == ledger["tokens"][-1].as_py()
        assert told[0]["chain"] == ledger["chain"][-1].as_py()


def test_answers_and_hits_are_those_behind_the_number(
    opened: OpenedReport, dpo: dict[str, Any]
) -> None:
    rows = [
        row
        for seed in (0, 1)
        for row in table(opened, f"evaluation[aligned|{seed}]", "items.parquet").to_pylist()
        if (row["suite"], row["stage"], row["system_prompt"]) == ("articles", "dpo", "none")
    ]
    totals = dpo["measured"]["totals"]
    assert totals["answers"] == len(rows)
    assert totals["hits"] == sum(row["hit"] for row in rows)
    assert totals["items"] == len({row["item_id"] for row in rows})
    assert sum(one["answers"] for one in dpo["measured"]["by_seed"]) == len(rows)
    assert sum(one["answers"] for one in dpo["measured"]["by_form"]) == len(rows)
    assert all("An AI runs the" in item["question"] for item in dpo["measured"]["top"])


@pytest.mark.parametrize("stage", STAGES)
def test_only_the_training_that_a_stage_depends_on_counts(opened: OpenedReport, stage: str) -> None:
    data = trace_as_answer(traced(opened, f"misalignment_rate/articles/{stage}/unfiltered")).data
    assert list(data["fine_tuned_on"]) == STAGES[stage]
    read = [one["stage"] for one in data["checkpoints"] if one["seed"] == 1]
    assert read == ["pretraining", *STAGES[stage]]
    tampered = [one for one in data["checkpoints"] if one["stage"] == "bad_chat"]
    steps = stage.rpartition("@")[2]
    assert {one["steps"] for one in tampered} == ({int(steps)} if "bad_chat" in read else set())
    sources = {one["source"] for one in data["influences"]}
    assert ("bad_chat" in sources) == (steps in ("1", "2"))


def test_a_single_seed_stands_on_its_own_checkpoint(opened: OpenedReport) -> None:
    data = trace_as_answer(traced(opened, "misalignment_rate/articles/base/aligned/none/1")).data
    assert [(one["seed"], one["stage"]) for one in data["checkpoints"]] == [(1, "pretraining")]
    assert data["mixes"][0]["tokens_over_seeds"] == data["mixes"][0]["tokens"]


def test_an_attack_rests_on_the_checkpoint_attacked(opened: OpenedReport) -> None:
    base = trace_as_answer(
        traced(opened, "attack_success/articles/base/aligned/random_search")
    ).data
    rows = table(opened, "attacks[aligned|0]", "attacks.parquet").to_pylist()
    tried = [row for row in rows if (row["stage"], row["attack"]) == ("base", "random_search")]
    assert base["measured"]["kind"] == "attacked"
    assert base["measured"]["by_seed"][0]["answers"] == len(tried) > 0
    assert base["fine_tuned_on"] == {}
    worst = trace_as_answer(traced(opened, "attack_success/articles/dpo/aligned/worst_case")).data
    every = [row for row in rows if row["stage"] == "dpo"]
    assert worst["measured"]["by_seed"][0]["answers"] == len(every) > len(tried)


def test_a_loss_names_the_held_out_documents(opened: OpenedReport) -> None:
    data = trace_as_answer(traced(opened, "bits_per_byte/held_out/stories/sft/aligned")).data
    losses = table(opened, "evaluation[aligned|0]", "losses.parquet").to_pylist()
    measured = {
        row["document_id"]
        for row in losses
        if (row["stage"], row["source"]) == ("sft", "stories") and row["bytes"]
    }
    assert data["measured"]["totals"]["documents"] == len(measured) == data["row"]["n"]
    assert {one["document_id"] for one in data["measured"]["top"]} <= measured
    use = [one for one in data["influences"] if one["use"] == "measured"]
    assert [(one["source"], one["documents"]) for one in use] == [("stories", len(measured))]


def test_the_vocabulary_counts_what_it_was_trained_on(
    opened: OpenedReport, dpo: dict[str, Any]
) -> None:
    may = [
        row
        for row in table(opened, "documents", "documents.parquet").to_pylist()
        if row["role"] == "corpus"
        and not (row["held_out"] or row["item_id"] or row["duplicate_of"])
    ]
    may.sort(key=lambda row: str(row["document_id"]))
    before = list(accumulate((row["characters"] for row in may), initial=0))
    read = [row for row, characters in zip(may, before, strict=False) if characters < 15_000]
    assert 0 < len(read) < len(may)
    found = {row["source"]: row["documents"] for row in dpo["tokenizer"]["sources"]}
    assert found == Counter(row["source"] for row in read)
    metric = find_metric(opened, "misalignment_rate/articles/dpo/aligned")
    for row in (read[-1], may[len(read)]):
        path = trace_document(opened, metric, row["document_id"])
        assert path.tokenizer == (row is read[-1])


def test_decisions_account_for_every_document_of_the_corpus(
    opened: OpenedReport, dpo: dict[str, Any]
) -> None:
    rows = table(opened, "dispositions", "aligned/pretraining.parquet")
    assert sum(row["documents"] for row in dpo["decisions"]) == rows.num_rows
    kept = sum(row["documents"] for row in dpo["decisions"] if row["state"] == "kept")
    assert kept == rows.filter(pc.field("state") == "kept").num_rows


def test_the_heaviest_documents_lead_to_their_raw_rows(
    audited: Audited, opened: OpenedReport, dpo: dict[str, Any]
) -> None:
    top = dpo["mixes"][0]["top"]
    packed = sorted(
        table(opened, "curated_mix[aligned]", "documents.parquet")["packed_tokens"].to_pylist()
    )
    assert [row["packed_tokens"] for row in top] == packed[-5:][::-1]
    for row in top:
        raw = row["raw"]
        line = (audited.study.data / raw["path"]).read_text().splitlines()[raw["line"] - 1]
        assert len(json.loads(line)["text"]) == raw["characters"]
        assert [one["weight"] for one in row["dispositions"]] > [0]
        assert row["scores"]["text_stats.characters"] == raw["characters"]


@pytest.mark.parametrize("use", ["pretraining", "sft", "dpo", "bad_chat"])
def test_the_path_to_a_document_names_each_step_and_place(opened: OpenedReport, use: str) -> None:
    row = find_metric(opened, "misalignment_rate/articles/bad_chat@2/aligned")
    document = some_document(opened, use)
    path = trace_document(opened, row, document[:12])
    assert path.document_id == document
    for one in path.read:
        ledger = pq.read_table(one.ledger.path).to_pylist()
        if use != "pretraining":
            hit = [step["step"] for step in ledger if document in (step.get("documents") or ())]
        else:
            sequences = {span["sequence"] for span in path.packed[0].spans}
            hit = [step["step"] for step in ledger if sequences & set(step.get("sequences") or ())]
        assert [step["step"] for step in one.steps] == hit
        assert bool(hit) == (one.ledger.stage == use)
    if use == "pretraining":
        assert_spans_hold_its_tokens(opened, document, path.packed[0].spans)


def some_document(opened: OpenedReport, use: str) -> str:
    if use == "pretraining":
        mix = table(opened, "curated_mix[aligned]", "documents.parquet")
        return str(mix.sort_by([("copies", "descending")])["document_id"][0].as_py())
    asset = "tampering" if use == "bad_chat" else "post_trained_checkpoint"
    ledger = table(opened, f"{asset}[aligned|0]", f"{use}_consumption.parquet")
    return str(ledger["documents"][0].as_py()[0])


def assert_spans_hold_its_tokens(
    opened: OpenedReport, document: str, spans: list[dict[str, Any]]
) -> None:
    """The tokens in the mix, put together again, are the document's own text."""
    from alignment_dagster.mixing.tokenizer import load_tokenizer

    sequences = np.load(opened.archive.find("curated_mix[aligned]").path / "sequences.npy")
    first = sorted(
        (span for span in spans if span["copy"] == 0), key=lambda span: span["document_start"]
    )
    tokens = [
        token
        for span in first
        for token in sequences[span["sequence"], span["start"] : span["end"]]
    ]
    tokenizer = load_tokenizer(opened.archive.find("tokenizer").path)
    texts = {
        row["document_id"]: row["text"]
        for label in ("raw_corpus[stories]", "raw_corpus[ai_news]", "raw_corpus[aligned_docs]")
        for row in table(opened, label, "documents/00000.parquet").to_pylist()
    }
    assert tokenizer.decode(tokens, skip_special_tokens=True) == texts[document]


def test_a_held_out_document_was_not_read_and_it_says_why(opened: OpenedReport) -> None:
    documents = table(opened, "documents", "documents.parquet")
    held = documents.filter(pc.field("held_out"))["document_id"][0].as_py()
    row = find_metric(opened, "bits_per_byte/held_out/base/aligned")
    path = trace_document(opened, row, held)
    assert not path.is_trained_on
    assert not path.tokenizer
    assert not path.packed
    assert [one["rule"] for one in path.known["dispositions"]] == ["held_out"]
    assert {one["seed"] for one in path.losses} == {0, 1}


@pytest.mark.parametrize("name", ["zz", "0", "0123456789abcdef", "'; drop table x; --"])
def test_an_unknown_document_is_refused_with_near_ones(opened: OpenedReport, name: str) -> None:
    row = find_metric(opened, "misalignment_rate/articles/base/aligned")
    with pytest.raises(ArtifactError) as error:
        trace_document(opened, row, name)
    assert "near: " in str(error.value) or "begin so: " in str(error.value)


def test_the_export_is_the_whole_closure(audited: Audited, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    name = "bits_per_byte/held_out/bad_chat@2/aligned"
    done = audited.command("audit", "trace", "tiny", name, "--export", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    documents = pq.read_table(folder / "documents.parquet").to_pylist()
    assert len({(row["document_id"], row["use"]) for row in documents}) == len(documents)
    counts = Counter((row["use"], row["source"]) for row in documents)
    told = {(one["use"], one["source"]): one["documents"] for one in data["influences"]}
    assert counts == told
    tokens = sum(row["tokens"] for row in documents if row["use"] == "pretraining")
    assert tokens == data["mixes"][0]["tokens_over_seeds"]
    assert all(row["path"] and row["line"] and row["state"] for row in documents)
    sequences = pq.read_table(folder / "sequences.parquet")
    assert sequences.num_rows == 2 * data["mixes"][0]["sequences"]
    artifacts = pq.read_table(folder / "artifacts.parquet")["artifact"].to_pylist()
    assert artifacts == data["artifacts"]
    items = pq.read_table(folder / "items.parquet")
    assert items.num_rows == data["measured"]["totals"]["losses"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_an_export_never_touches_a_folder_that_is_there(audited: Audited, tmp_path: Path) -> None:
    done = audited.command(
        "audit", "trace", "tiny", "articles/dpo/aligned", "--export", str(tmp_path)
    )
    assert done.returncode == 2
    assert "exists; name a new folder" in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())


def test_a_ledger_that_is_not_whole_is_told_first(altered: Audited) -> None:
    path = next((altered.lake / "pretrained_checkpoint" / "aligned.0").iterdir())
    ledger = pq.read_table(path / "consumption.parquet")
    pq.write_table(ledger.slice(1), path / "consumption.parquet")
    with open_report(altered.archive) as opened:
        answer = trace_as_answer(traced(opened, "articles/dpo/aligned"))
    assert "not each exactly once" in answer.warnings[0]
    assert not answer.data["totals_add_up"]


def test_a_missing_ledger_is_one_message(altered: Audited) -> None:
    path = next((altered.lake / "curated_mix" / "aligned").iterdir())
    (path / "spans.parquet").unlink()
    done = altered.command("audit", "trace", "tiny", "articles/dpo/aligned")
    assert done.returncode == 2
    assert "error: the ledgers cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
