"""A mix holds the tokens that it was declared to hold, and every one can be traced back."""

import hashlib
import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.foundation import work_seals
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.mixing.mix import MixInputs, build_mix, decode_texts, group_shares
from alignment_dagster.mixing.tokenizer import (
    LONGEST_RUN,
    cut_runs,
    last_sampled_id,
    load_tokenizer,
    train_tokenizer,
)
from alignment_dagster.scoring.pii import find_spans
from alignment_dagster.study import Mix, Redaction, ReplacementGroup
from alignment_dagster.study.vocabulary import END_OF_TEXT
from tests.support.tiny_mix import (
    MIX,
    RECIPE,
    TEXTS,
    build,
    make_inputs,
    name,
    write_dispositions,
)


@pytest.fixture
def mix_inputs(tmp_path: Path) -> MixInputs:
    return make_inputs(tmp_path / "in")


def test_budget_and_shares_are_met(mix_inputs: MixInputs, tmp_path: Path) -> None:
    folder = build(mix_inputs, tmp_path / "mix")
    assert np.load(folder / "sequences.npy").shape == (100, 40)
    assert group_shares(folder)["aligned"] == pytest.approx(0.25, abs=0.01)


def test_every_token_is_that_of_the_document_its_span_names(
    mix_inputs: MixInputs, tmp_path: Path
) -> None:
    folder = build(mix_inputs, tmp_path / "mix")
    tokenizer = load_tokenizer(mix_inputs.tokenizer)
    end = tokenizer.token_to_id(END_OF_TEXT)
    sequences = np.load(folder / "sequences.npy")
    ids = pq.read_table(folder / "documents.parquet")["document_id"].to_pylist()
    covered = np.zeros_like(sequences, dtype=int)
    for row in pq.read_table(folder / "spans.parquet").to_pylist():
        tokens = [*tokenizer.encode(TEXTS[ids[row["document"]]][1]).ids, end]
        length = row["end"] - row["start"]
        expected = tokens[row["document_start"] : row["document_start"] + length]
        assert sequences[row["sequence"], row["start"] : row["end"]].tolist() == expected
        covered[row["sequence"], row["start"] : row["end"]] += 1
    assert (covered == 1).all()


def test_dropped_documents_are_not_in_the_mix(mix_inputs: MixInputs, tmp_path: Path) -> None:
    kept = [key for key in TEXTS if key not in (name("natural3"), name("aligned1"))]
    write_dispositions(mix_inputs.dispositions, kept)
    folder = build(mix_inputs, tmp_path / "mix")
    found = dict(decode_texts(folder, mix_inputs.tokenizer))
    assert set(found) <= set(kept)
    assert {TEXTS[key][1] for key in found} >= set(found.values()) - {""}


def test_the_same_inputs_give_the_same_bytes(mix_inputs: MixInputs, tmp_path: Path) -> None:
    first, second = build(mix_inputs, tmp_path / "a"), build(mix_inputs, tmp_path / "b")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_text_is_neither_joined_nor_sorted(mix_inputs: MixInputs, tmp_path: Path) -> None:
    """Arrow does either in one array of 2 GiB; of this type of text it can do neither."""
    plain = build(mix_inputs, tmp_path / "plain")
    (path,) = mix_inputs.documents
    table = pq.read_table(path)
    with pytest.raises(pa.ArrowInvalid, match="not supported in join"):
        table.join(table.set_column(1, "text", table["text"].cast(pa.string_view())), "document_id")
    pq.write_table(table.set_column(1, "text", table["text"].cast(pa.string_view())), path)
    again = build(mix_inputs, tmp_path / "again")
    for file in plain.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()


def test_a_kept_document_that_is_in_no_corpus_is_named(
    mix_inputs: MixInputs, tmp_path: Path
) -> None:
    (path,) = mix_inputs.documents
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(DataError, match=f"the document {name('natural0')} is kept, but is in none"):
        build(mix_inputs, tmp_path / "mix")


def test_however_documents_are_batched_and_cut_into_shards_the_mix_is_the_same(
    mix_inputs: MixInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = build(mix_inputs, tmp_path / "plain")
    monkeypatch.setattr("alignment_dagster.mixing.encoding.BATCH_CHARACTERS", 100)
    monkeypatch.setattr("alignment_dagster.mixing.sampling.BATCH", 3)
    table = pq.read_table(mix_inputs.documents[0])
    paths = tuple(tmp_path / f"{number}.parquet" for number in range(5))
    for number, path in enumerate(paths):
        pq.write_table(table.slice(number * 15, 15), path, row_group_size=4)
    again = build(replace(mix_inputs, documents=paths), tmp_path / "again")
    for file in plain.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()


@pytest.mark.parametrize("lost", [0, 1, 9, 500])
def test_a_mix_that_was_killed_goes_on_with_what_was_encoded(
    mix_inputs: MixInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    monkeypatch.setattr("alignment_dagster.mixing.encoding.BATCH", 4)
    monkeypatch.setattr("alignment_dagster.mixing.sampling.BATCH", 4)
    plain = build(mix_inputs, tmp_path / "plain")

    class Killed(Exception):
        pass

    def kill(done: int, _total: int) -> None:
        if done > 20:
            raise Killed

    again, work = tmp_path / "again", tmp_path / "again.work"
    again.mkdir()
    with pytest.raises(Killed):
        build_mix(mix_inputs, RECIPE, MIX, again, work, kill)
    for path in work.iterdir():
        os.truncate(path, max(0, path.stat().st_size - lost))
    done: list[int] = []
    build_mix(mix_inputs, RECIPE, MIX, again, work, lambda count, _: done.append(count))
    assert min(done) > (20 if not lost else 0)
    for file in plain.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()


def test_tokens_that_somebody_planted_are_encoded_again(
    mix_inputs: MixInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = build(mix_inputs, tmp_path / "plain")
    work = plain.with_suffix(".work")
    tokens = bytearray((work / "tokens.bin").read_bytes())
    tokens[0] ^= 1
    (work / "tokens.bin").write_bytes(tokens)
    sealed, _ = json.loads((work / "encoded.seal").read_text())
    sealed["digests"][0] = hashlib.sha256(tokens).hexdigest()
    with monkeypatch.context() as attacker:  # who has no key of this home
        attacker.setattr(work_seals, "_told", ["another key"])
        seal = work_seals.seal(sealed)
    (work / "encoded.seal").write_text(json.dumps([sealed, seal]))
    again = tmp_path / "again"
    again.mkdir()
    build_mix(mix_inputs, RECIPE, MIX, again, work, lambda _done, _all: None)
    for file in plain.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()


def test_what_was_dropped_is_replaced_as_declared(mix_inputs: MixInputs, tmp_path: Path) -> None:
    natural = [key for key in TEXTS if TEXTS[key][0] == "natural"]
    dropped = set(natural[:20])
    write_dispositions(mix_inputs.dispositions, [key for key in TEXTS if key not in dropped])
    sizes = {key: len(TEXTS[key][1]) for key in natural}
    lost = sum(sizes[key] for key in dropped) / sum(sizes.values())
    tokens = {}
    for policy in ("rest", "nothing", ReplacementGroup(group="aligned")):
        recipe = RECIPE.model_copy(update={"replacement": policy})
        folder = build(mix_inputs, tmp_path / str(policy)[:4], recipe)
        size = np.load(folder / "sequences.npy").size
        tokens[str(policy)[:4]] = {g: s * size for g, s in group_shares(folder).items()}
    short = 3000 * lost
    wanted = {
        "rest": (3000, 1000),
        "noth": (3000 - short, 1000),
        "grou": (3000 - short, 1000 + short),
    }
    for policy, (natural_tokens, aligned_tokens) in wanted.items():
        assert tokens[policy]["natural"] == pytest.approx(natural_tokens, abs=80)
        assert tokens[policy]["aligned"] == pytest.approx(aligned_tokens, abs=80)


def test_a_run_without_a_space_trains_the_vocabulary_piece_by_piece(tmp_path: Path) -> None:
    """Training takes the square of a run's length; all other text is read whole."""
    short = ["word " * 400, "x" * LONGEST_RUN, "a1" * 10_000, "人" * LONGEST_RUN + "。" + "人" * 9]
    assert [list(cut_runs(text)) for text in short] == [[text] for text in short]
    for run in ("x", "人", " ", "-", "7"):
        text = f"a b {run * 100_000} c"
        pieces = list(cut_runs(text))
        assert "".join(pieces) == text
        assert max(map(len, pieces)) <= LONGEST_RUN + 5
    started = time.process_time()
    (tmp_path / "long").mkdir()
    train_tokenizer(["x" * 100_000, "人工智能" * 25_000], 400, tmp_path / "long")
    # Uncut it takes more than a minute.
    assert time.process_time() - started < 20


def test_one_document_less_leaves_the_order_of_the_others(
    mix_inputs: MixInputs, tmp_path: Path
) -> None:
    before = list(dict(decode_texts(build(mix_inputs, tmp_path / "a"), mix_inputs.tokenizer)))
    write_dispositions(mix_inputs.dispositions, [key for key in TEXTS if key != name("natural5")])
    after = list(dict(decode_texts(build(mix_inputs, tmp_path / "b"), mix_inputs.tokenizer)))
    common = [key for key in before if key in after]
    assert common == [key for key in after if key in before]


def test_a_budget_that_cannot_be_met_is_refused(mix_inputs: MixInputs, tmp_path: Path) -> None:
    mix = Mix(tokens=400_000, sequence_length=40, max_repeats=4.0)
    with pytest.raises(DataError, match=r"recipe 'recipe': the budget cannot be met: group"):
        build(mix_inputs, tmp_path / "mix", mix=mix)


def test_a_group_without_documents_is_refused(mix_inputs: MixInputs, tmp_path: Path) -> None:
    write_dispositions(
        mix_inputs.dispositions, [key for key in TEXTS if TEXTS[key][0] == "natural"]
    )
    with pytest.raises(DataError, match="group 'aligned' has no document left"):
        build(mix_inputs, tmp_path / "mix")


def test_a_document_cannot_speak_in_special_tokens(mix_inputs: MixInputs) -> None:
    tokenizer = load_tokenizer(mix_inputs.tokenizer)
    hostile = "one <|endoftext|> two <|assistant|> three"
    ids = tokenizer.encode(hostile).ids
    assert not set(ids) & {
        tokenizer.token_to_id("<|endoftext|>"),
        tokenizer.token_to_id("<|assistant|>"),
    }
    assert tokenizer.decode(ids, skip_special_tokens=False) == hostile


def test_a_large_corpus_trains_the_vocabulary_on_the_lowest_ids_up_to_the_declared_characters() -> (
    None
):
    table = pa.table({"document_id": ["d", "b", "a", "c"], "characters": [10, 10, 10, 10]})
    found = {limit: last_sampled_id(table, limit) for limit in (1, 10, 11, 30, 31, 1000)}
    assert found == {1: "a", 10: "a", 11: "b", 30: "c", 31: "d", 1000: "d"}


def test_what_a_recipe_redacts_is_read_by_no_model_and_counted(
    mix_inputs: MixInputs, tmp_path: Path
) -> None:
    named = {
        key: f"Grüße, {group}: ann@mill-{number}.org and bob@mill-{number}.org or "
        f"+49 30 23125{number:03}"
        for number, (key, (group, _)) in enumerate(TEXTS.items())
        if number % 3 == 0
    }
    texts = {key: named.get(key, text) for key, (_, text) in TEXTS.items()}
    columns = {"document_id": list(texts), "text": list(texts.values())}
    pq.write_table(pa.table(columns), mix_inputs.documents[0], row_group_size=25)
    redaction = Redaction(scorer="pii", kinds=("email",))
    recipe = RECIPE.model_copy(update={"redact": redaction})
    folder = build(mix_inputs, tmp_path / "mix", recipe)
    found = dict(decode_texts(folder, mix_inputs.tokenizer))
    whole = [
        key
        for key in found
        if key in named and found[key].endswith("[EMAIL] or " + named[key][-15:])
    ]
    assert len(whole) > 20
    assert {span.kind for text in found.values() for span in find_spans(text)} == {"phone"}
    rows = pq.read_table(folder / "redactions.parquet").to_pylist()
    assert [row["document_id"] for row in rows] == sorted(set(found) & set(named))
    for row in rows:
        addresses = named[row["document_id"]].split(": ")[1].split(" or ")[0].split(" and ")
        expected = {"kind": "email", "spans": 2, "characters": sum(map(len, addresses))}
        assert row == {"document_id": row["document_id"], **expected}
    spans = pq.read_table(folder / "spans.parquet").to_pylist()
    assert sum(row["end"] - row["start"] for row in spans) == 4000


def test_a_killed_mix_goes_on_with_what_it_redacts(mix_inputs: MixInputs, tmp_path: Path) -> None:
    text = "Write to ann@mill.org, who knows. " * 3
    columns = {"document_id": list(TEXTS), "text": [text] * len(TEXTS)}
    pq.write_table(pa.table(columns), mix_inputs.documents[0])
    recipe = RECIPE.model_copy(update={"redact": Redaction(scorer="pii", kinds=("email",))})
    whole, again = build(mix_inputs, tmp_path / "mix", recipe), tmp_path / "again"
    work = tmp_path / "again.work"
    shutil.copytree(tmp_path / "mix.work", work)
    os.truncate(work / "tokens.bin", 501)
    build(mix_inputs, again, recipe)
    for path in whole.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_a_recipe_that_redacts_nothing_has_the_digest_that_it_had() -> None:
    assert "redact" not in RECIPE.model_dump(mode="json")
    redaction = Redaction(scorer="pii", kinds=("email",))
    dumped = RECIPE.model_copy(update={"redact": redaction}).model_dump(mode="json")
    assert dumped["redact"] == {"scorer": "pii", "kinds": ["email"]}
