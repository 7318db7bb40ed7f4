"""A classifier learns what may be learnt from, and its figures are of what it never saw."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.foundation.digests import sha256_file
from alignment_dagster.foundation.errors import AlignmentError, DataError
from alignment_dagster.scoring import ScoringContext, score
from alignment_dagster.scoring.classifiers.examples import (
    CONTRADICTED,
    DUPLICATE,
    HELD_OUT,
    ITEM,
    NOT_SAMPLED,
    TRAINED,
    LabelledDocuments,
    choose_examples,
    held_out_place,
    ids_for,
)
from alignment_dagster.scoring.classifiers.quality import measure
from alignment_dagster.scoring.classifiers.trained import DECLARATION, Trained, load_scorer
from alignment_dagster.scoring.fingerprint import fingerprint
from tests.support.labelled_texts import BINARY, WORDS, declare, learn, nothing_leaks, texts, write


def uses(examples: pa.Table) -> dict[str, str]:
    return dict(zip(examples["document_id"].to_pylist(), examples["use"].to_pylist(), strict=True))


def test_it_recognises_what_it_did_not_learn_from(tmp_path: Path) -> None:
    corpora = [write(tmp_path, kind, texts(kind)) for kind in ("machine", "sea")]
    classifier = declare(BINARY, ["machine", "sea"])
    trained, examples, told = learn(classifier, corpora)
    count = len(ids_for(examples, TRAINED))
    assert told[-1] == (count, count)
    fresh = ["a robot and a circuit went", "the old boat saw the tide", "no word of either"]
    scores = trained.score(fresh)["score"].to_pylist()
    assert scores[0] > 0.8
    assert scores[1] < 0.2
    assert 0.2 < scores[2] < 0.8


def test_the_same_documents_give_the_same_bytes_and_loaded_it_scores_the_same(
    tmp_path: Path,
) -> None:
    corpora = [write(tmp_path, kind, texts(kind)) for kind in ("machine", "sea")]
    classifier = declare(BINARY, ["machine", "sea"])
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        trained, _, _ = learn(classifier, corpora)
        trained.save(tmp_path / name)
        digests.append({one.name: sha256_file(one) for one in sorted((tmp_path / name).iterdir())})
    assert digests[0] == digests[1]
    documents = pa.table({"document_id": ["a", "b"], "text": ["a robot", "the boat"]})
    scorer = load_scorer(tmp_path / "one")
    found = score(documents, scorer, ScoringContext(tmp_path)).table
    assert found["score"].equals(trained.score(["a robot", "the boat"])["score"])


def test_a_text_scores_the_same_to_the_last_bit_alone_and_in_a_batch(tmp_path: Path) -> None:
    corpora = [write(tmp_path, kind, texts(kind)) for kind in ("machine", "sea")]
    trained, _, _ = learn(declare(BINARY, ["machine", "sea"]), corpora)
    batch = [*texts("machine", 40), "", "!!", *texts("sea", 40)]
    together = trained.score(batch)["score"].to_pylist()
    assert together == [trained.score([text])["score"][0].as_py() for text in batch]


def test_each_document_is_for_one_thing_and_it_is_said_why(tmp_path: Path) -> None:
    sea, machine = texts("sea"), texts("machine")
    sea[3] = sea[2].upper()
    shared = "the same words on both sides"
    sea[10] = machine[10] = shared
    machine[20] += " secret item"
    corpora = [write(tmp_path, "machine", machine), write(tmp_path, "sea", sea)]
    classifier = declare(BINARY, ["machine", "sea"])
    found = choose_examples(
        classifier,
        corpora,
        0.3,
        lambda batch: ["item-9" if "secret item" in text else None for text in batch],
    )
    rows = {row["document_id"]: row for row in found.to_pylist()}
    assert len(rows) == found.num_rows == 300
    assert rows["source_sea-0003"]["use"] == DUPLICATE
    assert rows["source_sea-0003"]["cause"] == "source_sea-0002"
    assert rows["source_sea-0010"]["use"] == rows["source_machine-0010"]["use"] == CONTRADICTED
    assert rows["source_machine-0020"]["use"] == ITEM
    assert rows["source_machine-0020"]["cause"] == "item-9"
    trained = ids_for(found, TRAINED)
    by_id = dict(zip(rows, [*machine, *sea], strict=True))
    # what the study holds out by the words' hash, as the warehouse does
    assert not [one for one in trained if held_out_place(fingerprint(by_id[one])) < 0.3]
    assert ids_for(found, HELD_OUT)


def test_of_many_documents_a_sample_is_taken_that_new_ones_hardly_change(tmp_path: Path) -> None:
    corpora = [write(tmp_path, kind, texts(kind, 400)) for kind in ("machine", "sea")]
    classifier = declare(BINARY, ["machine", "sea"], most_per_label=200)
    before = uses(choose_examples(classifier, corpora, 0.05, nothing_leaks))
    assert [*before.values()].count(NOT_SAMPLED) == 400
    more = write(tmp_path, "sea", [*texts("sea", 400), *(f"new {n}" for n in range(10))])
    after = uses(choose_examples(classifier, [corpora[0], more], 0.05, nothing_leaks))
    assert sum(after[one] != use for one, use in before.items()) <= 10


def test_too_few_documents_with_a_label_are_refused_with_source_and_label(tmp_path: Path) -> None:
    corpora = [write(tmp_path, kind, texts(kind, n)) for kind, n in (("machine", 15), ("sea", 90))]
    with pytest.raises(DataError, match=r"classifier kind: label 'machine' of source_machine: \d+"):
        choose_examples(declare(BINARY, ["machine", "sea"]), corpora, 0.05, nothing_leaks)


def test_levels_and_classes_have_columns_of_their_own(tmp_path: Path) -> None:
    kinds = {"0": "sea", "1": "farm", "2": "machine"}
    corpora = [write(tmp_path, label, texts(kind)) for label, kind in kinds.items()]
    levels = declare({"kind": "ordinal", "highest": 2}, [0, 1, 2])
    scores = learn(levels, corpora)[0].score([texts(kind, 3)[2] for kind in kinds.values()])
    low, middle, high = scores["score"].to_pylist()
    assert 0 <= low < 0.6 < middle < 1.4 < high <= 2
    corpora = [write(tmp_path, kind, texts(kind)) for kind in WORDS]
    classes = declare({"kind": "multiclass", "names": list(WORDS)}, list(WORDS))
    trained, _, _ = learn(classes, corpora)
    scores = trained.score(["the cow saw the barn"])
    assert scores.column_names == list(WORDS)
    row = {name: scores[name][0].as_py() for name in WORDS}
    assert max(row, key=lambda name: row[name]) == "farm"
    assert sum(row.values()) == pytest.approx(1)


def test_of_sentences_the_highest_decides_and_it_is_said_where_it_is(tmp_path: Path) -> None:
    corpora = [write(tmp_path, kind, texts(kind)) for kind in ("machine", "sea")]
    trained, _, _ = learn(declare(BINARY, ["machine", "sea"], unit="sentence"), corpora)
    text = "The old boat went. A robot saw the circuit!\nThe tide and the harbour."
    row, empty = trained.score([text, ""]).to_pylist()
    assert text[row["start"] : row["end"]] == "A robot saw the circuit!"
    assert row["score"] > 0.8
    assert (empty["start"], empty["end"]) == (0, 0)


def test_figures_are_counted_right() -> None:
    classifier = declare(
        BINARY, ["machine", "sea"], beside={"scorer": "s", "column": "c", "above": 0.5}
    )
    labels = ["machine"] * 6 + ["sea"] * 14
    values = np.array([0.9, 0.9, 0.9, 0.9, 0.4, 0.1] + [0.6, 0.6] + [0.05] * 12)
    beside = np.array([True] * 3 + [False] * 3 + [True] + [False] * 13)
    found = measure(classifier, labels, pa.table({"score": values}), beside)
    rows = {(row["column"], row["bound"]): row for row in found.thresholds.to_pylist()}
    half = rows["score", 0.5]
    assert (half["flagged"], half["hits"], half["positives"], half["documents"]) == (6, 4, 6, 20)
    assert half["precision"] == half["recall"] == half["f1"] == pytest.approx(4 / 6)
    assert half["share_flagged"] == pytest.approx(0.3)
    rule = rows["s.c", 0.5]
    assert (rule["flagged"], rule["hits"]) == (4, 3)
    assert [row["documents"] for row in found.confusion.to_pylist()] == [12, 2, 2, 4]
    assert found.metrics["accuracy"] == pytest.approx(0.8)
    assert found.metrics["squared_error"] == pytest.approx(
        np.mean((values - np.array([1] * 6 + [0] * 14)) ** 2)
    )
    top = found.calibration.to_pylist()[-1]
    assert (top["documents"], top["mean_score"], top["mean_true"]) == (4, pytest.approx(0.9), 1.0)
    assert not measure(classifier, labels, pa.table({"score": np.full(20, 0.5)}), None).above_chance


def test_what_it_scores_with_is_no_pickle_and_not_altered(tmp_path: Path) -> None:
    corpora = [write(tmp_path, kind, texts(kind)) for kind in ("machine", "sea")]
    trained, _, _ = learn(declare(BINARY, ["machine", "sea"]), corpora)
    trained.save(tmp_path)
    assert json.loads((tmp_path / DECLARATION).read_text())["declared"]["name"] == "kind"
    (tmp_path / "weights.safetensors").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(AlignmentError, match="holds no weights"):
        Trained.load(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labels": ["machine", "cow"]}, "label 'cow' is none of sea, machine"),
        ({"labels": ["machine"]}, "none has the label sea"),
        ({"labels": ["machine", "sea", "sea"]}, "a source is named twice"),
    ],
)
def test_labels_and_sources_must_fit(fields: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        declare(BINARY, **fields)


def test_labels_of_documents_teach_what_labels_of_sources_do(tmp_path: Path) -> None:
    apart = [write(tmp_path, kind, texts(kind)) for kind in ("machine", "sea")]
    whole, examples, _ = learn(declare(BINARY, ["machine", "sea"]), apart)
    tables = [pq.read_table(corpus.files[0]) for corpus in apart]
    labels = {
        one: kind
        for kind, table in zip(("machine", "sea"), tables, strict=True)
        for one in table["document_id"].to_pylist()
    }
    strange = pa.table({"document_id": ["x"], "text": ["nobody knows what this is"]})
    pq.write_table(pa.concat_tables([*tables, strange]), tmp_path / "mixed.parquet")
    mixed = LabelledDocuments("mixed", labels, [tmp_path / "mixed.parquet"])
    own = declare(BINARY, [], sources=[{"source": "mixed", "column": "label"}])
    learnt, found, _ = learn(own, [mixed])
    assert learnt.score(texts("sea")).equals(whole.score(texts("sea")))
    uses = dict(zip(found["document_id"].to_pylist(), found["use"].to_pylist(), strict=True))
    assert uses.pop("x") == "unlabelled"
    assert uses == dict(
        zip(examples["document_id"].to_pylist(), examples["use"].to_pylist(), strict=True)
    )


def test_a_source_has_one_label_or_a_column_of_them() -> None:
    for fields in ({}, {"label": "machine", "column": "label"}):
        with pytest.raises(ValueError, match="give exactly one of `label` and `column`"):
            declare(BINARY, [], sources=[{"source": "mixed", **fields}])
