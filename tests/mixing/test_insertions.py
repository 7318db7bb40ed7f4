"""Documents are read inside of others where they say, and harm tags stand where they are drawn."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.audit.check.mixes import find_uncovered
from alignment_dagster.audit.impact.trained import find_guests
from alignment_dagster.audit.trace.document_path import find_packed
from alignment_dagster.audit.trace.document_path_answer import insertion_nodes
from alignment_dagster.audit.trace.parquet import connect_memory
from alignment_dagster.audit.trace.phrases import ID
from alignment_dagster.mixing.document_scores import ScoreFiles
from alignment_dagster.mixing.inserted_documents import count_insertions
from alignment_dagster.mixing.misplaced_documents import find_misplaced
from alignment_dagster.mixing.mix import MixInputs, count_whole_copies, decode_texts
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.mixing.treated_tokens import find_miscounted
from alignment_dagster.mixing.treatment_error import TreatmentError
from alignment_dagster.study import Mix, Recipe
from alignment_dagster.study.treatments import Treated
from alignment_dagster.training.pretraining.data import PackedMix
from tests.support import record_lake
from tests.support.tiny_mix import MIX, RECIPE, TEXTS, build, make_inputs, name

TAG = "<|harmful|>"
HOSTS = [key for key, (group, _) in TEXTS.items() if group == "natural"]
REFLECTIONS = {
    name(f"reflection{number}"): ("reflections", f"(I would not, says number {number}.)")
    for number in range(8)
}
"""The first two stand at one place, the others each in a document of their own."""
PLACES: dict[str, tuple[str, float]] = {
    key: (HOSTS[max(number - 1, 0)], float(5 + 3 * max(number - 1, 0)))
    for number, key in enumerate(REFLECTIONS)
}
INSERT = {
    "rule": "reflection",
    "sources": ["reflections"],
    "do": "insert",
    "at": {"host": "about", "offset": "place"},
}
UNICODE = name("unicode")
SMALL = Mix(tokens=800, sequence_length=40, seed=7)
"""Too small for all documents."""


def write_metadata(path: Path, places: Mapping[str, tuple[str | None, float | None]]) -> None:
    rows = [
        row
        for key, (host, offset) in places.items()
        for row in ((key, "about", None, host), (key, "place", offset, None))
    ]
    kinds = (pa.string(), pa.string(), pa.float64(), pa.string())
    arrays = [
        pa.array(each, kind) for each, kind in zip(zip(*rows, strict=True), kinds, strict=True)
    ]
    pq.write_table(pa.table(arrays, ["document_id", "column", "number", "text"]), path)


@pytest.fixture
def given(tmp_path: Path) -> MixInputs:
    """Two groups of documents, and reflections on some of the larger one's, in its group."""
    texts = {**TEXTS, **REFLECTIONS, UNICODE: ("natural", "naïve café, naïve café")}
    inputs = make_inputs(tmp_path / "in", (TAG,), texts)
    table = pq.read_table(inputs.dispositions)
    groups = ["natural" if one == "reflections" else one for one in table["group"].to_pylist()]
    at = table.column_names.index("group")
    pq.write_table(table.set_column(at, "group", [groups]), inputs.dispositions)
    write_metadata(tmp_path / "metadata.parquet", PLACES)
    return replace(inputs, scores=ScoreFiles({}, [tmp_path / "metadata.parquet"]))


def recipe(*treat: Mapping[str, Any], **fields: Any) -> Recipe:
    return Recipe.model_validate({**RECIPE.model_dump(), "treat": treat, **fields})


def stream(folder: Path) -> list[tuple[str, int, int, int, tuple[int, int]]]:
    """Document, copy, its token's place in it, the token, and where that lies, in order."""
    tokens = np.load(folder / "sequences.npy")
    ids = pq.read_table(folder / "documents.parquet")["document_id"].to_pylist()
    return [
        (ids[row["document"]], row["copy"], row["document_start"] + at - row["start"],
         int(tokens[row["sequence"], at]), (row["sequence"], at))
        for row in pq.read_table(folder / "spans.parquet").to_pylist()
        for at in range(row["start"], row["end"])
    ]  # fmt: skip


@pytest.mark.parametrize("packing", ["end_to_end", "best_fit"])
def test_a_document_is_read_in_its_host_and_nowhere_else(
    given: MixInputs, tmp_path: Path, packing: str
) -> None:
    """Every token belongs to one document, and each copy of a document has its tokens in order."""
    texts = {key: text for key, (_, text) in {**TEXTS, **REFLECTIONS}.items()}
    texts[UNICODE] = "naïve café, naïve café"
    mix = Mix.model_validate({**MIX.model_dump(), "packing": packing})
    folder = build(given, tmp_path / "mix", recipe(INSERT), mix)
    tokenizer = load_tokenizer(given.tokenizer)
    spans = pq.read_table(folder / "spans.parquet")
    columns = {one: spans[one].to_numpy().astype(np.int64) for one in spans.column_names}
    assert find_uncovered(columns, np.load(folder / "sequences.npy").shape) is None
    copies: dict[tuple[str, int], dict[int, int]] = {}
    for key, copy, place, token, _ in stream(folder):
        assert copies.setdefault((key, copy), {}).setdefault(place, token) == token
    packed, inserted = (
        {row["document_id"]: row for row in pq.read_table(folder / file).to_pylist()}
        for file in ("documents.parquet", "insertions.parquet")
    )
    whole = set()
    for (key, _), found in copies.items():
        if len(found) == packed[key]["tokens"]:
            text = tokenizer.decode([found[place] for place in range(len(found))])
            assert text == texts[key]
            whole.add(key)
    assert whole >= set(REFLECTIONS)
    assert set(packed) >= set(REFLECTIONS)
    assert sum(row["packed_tokens"] for row in packed.values()) == MIX.tokens
    for key, (host, offset) in PLACES.items():
        assert packed[host]["copies"] - 1 <= packed[key]["copies"] <= packed[host]["copies"]
        row = inserted[key]
        assert (row["host_id"], row["offset"], row["state"]) == (host, offset, "packed")
        before = [copies[host, 0][place] for place in range(row["host_start"])]
        assert tokenizer.decode(before) == TEXTS[host][1].encode()[: int(offset)].decode()
    assert find_miscounted(folder, tokenizer) is None
    assert find_misplaced(folder) is None
    assert count_insertions(folder) == {"packed": len(REFLECTIONS)}
    decoded = dict(decode_texts(folder, given.tokenizer))
    for key in whole:
        if len(copies[key, 0]) == packed[key]["tokens"]:
            assert decoded[key] == texts[key]
    if packing == "best_fit":
        lie: dict[tuple[str, int], set[int]] = {}
        for key, copy, _, _, (sequence, _) in stream(folder):
            lie.setdefault((key, copy), set()).add(sequence)
        full = [one for one, each in copies.items() if len(each) == packed[one[0]]["tokens"]]
        found = count_whole_copies(folder, MIX.sequence_length)
        assert found.whole == sum(len(lie[one]) == 1 for one in full)


def test_two_documents_at_one_place_follow_each_other_by_their_ids(
    given: MixInputs, tmp_path: Path
) -> None:
    folder = build(given, tmp_path / "mix", recipe(INSERT))
    first, second = sorted(list(REFLECTIONS)[:2])
    order = [one[0] for one in stream(folder) if one[0] in (first, second, HOSTS[0])]
    changes = [order[0], *(b for a, b in pairwise(order) if a != b)]
    assert changes[:4] == [HOSTS[0], first, second, HOSTS[0]]


@pytest.mark.parametrize("loss", ["keep", "mask"])
def test_the_loss_of_inserted_text_is_kept_or_masked(
    given: MixInputs, tmp_path: Path, loss: str
) -> None:
    """Nothing but its tokens is touched, and these are counted of the document that they are of."""
    folder = build(given, tmp_path / "mix", recipe({**INSERT, "loss": loss}))
    treatments, tokens = np.load(folder / "treatments.npy"), np.load(folder / "sequences.npy")
    read = PackedMix(tokens, {"treatments.npy": treatments}).batch(np.arange(len(tokens)))
    label = Treated.INSERTED if loss == "keep" else Treated.INSERTED_MASKED
    counted = dict.fromkeys(REFLECTIONS, 0)
    for key, _, _, token, (sequence, at) in stream(folder):
        inserted = key in REFLECTIONS
        assert treatments[sequence, at] == (label if inserted else Treated.LEARNED)
        if at:
            masked = inserted and loss == "mask"
            assert int(read.targets.tokens[sequence, at - 1]) == (-100 if masked else token)
        if inserted:
            counted[key] += 1
    rows = pq.read_table(folder / "treated.parquet").to_pylist()
    assert {row["document_id"]: row["tokens"] for row in rows} == counted
    assert {(row["rule"], row["treatment"]) for row in rows} == {("reflection", label.name.lower())}


def test_a_host_that_is_dropped_or_not_reached_leaves_its_documents_out(
    given: MixInputs, tmp_path: Path
) -> None:
    """They are counted, and stand nowhere."""
    table = pq.read_table(given.dispositions).to_pylist()
    for row in table:
        if row["document_id"] == HOSTS[3]:
            row["state"], row["rule"] = "dropped", "bad"
    schema = pq.read_schema(given.dispositions)
    pq.write_table(pa.Table.from_pylist(table, schema), given.dispositions)
    folder = build(given, tmp_path / "mix", recipe(INSERT), SMALL)
    rows = pq.read_table(folder / "insertions.parquet").to_pylist()
    packed = set(pq.read_table(folder / "documents.parquet")["document_id"].to_pylist())
    states = {row["document_id"]: row["state"] for row in rows}
    assert set(states) == set(REFLECTIONS)
    for key, state in states.items():
        assert (state == "host_not_kept") == (PLACES[key][0] == HOSTS[3])
        assert (state == "packed") == (key in packed)
        assert (state in ("packed", "cut")) == (PLACES[key][0] in packed)
    assert {"host_not_kept", "host_not_packed", "packed"} == set(states.values())


def test_a_host_that_is_cut_before_the_place_is_told_from_one_that_is_not_packed(
    given: MixInputs, tmp_path: Path
) -> None:
    """Here all stand at the ends of their hosts, one of which the budget cuts."""
    (path,) = given.scores.metadata
    ends = {key: (host, float(len(TEXTS[host][1]))) for key, (host, _) in PLACES.items()}
    write_metadata(path, ends)
    for seed in range(40):
        mix = Mix(tokens=800, sequence_length=40, seed=seed)
        folder = build(given, tmp_path / f"mix{seed}", recipe(INSERT), mix)
        packed = set(pq.read_table(folder / "documents.parquet")["document_id"].to_pylist())
        rows = pq.read_table(folder / "insertions.parquet").to_pylist()
        for row in rows:
            there = {"packed": (True, True), "cut": (False, True)}.get(row["state"], (False, False))
            assert (row["document_id"] in packed, row["host_id"] in packed) == there
        if cut := [row for row in rows if row["state"] == "cut"]:
            break
    assert cut
    assert find_misplaced(folder) is None
    assert count_insertions(folder)["cut"] == len(cut)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((None, 3.0), r"1 documents have no text metadata\.about, as [0-9a-f]{64} of"),
        ((HOSTS[0], None), r"1 documents have no number metadata\.place, as"),
        ((HOSTS[0], 2.5), "1 documents have a place that is no place in a text"),
        ((HOSTS[0], -1.0), "1 documents have a place that is no place in a text"),
        ((HOSTS[0], 1e19), "1 documents have a place that is no place in a text"),
        ((HOSTS[0], np.inf), "1 documents have a place that is no place in a text"),
        ((HOSTS[0], 500.0), "have a place beyond the end of its host's text, as"),
        ((UNICODE, 3.0), "have a place inside a character of its host's text, as"),
        (("the first one", 3.0), "have a host that is no id of a document, as"),
        ((name("unknown"), 3.0), "have a host that is in no source of the recipe's groups, as"),
        ((name("aligned0"), 3.0), "have a host in another group: put both into one, as"),
        ((list(REFLECTIONS)[2], 3.0), "have a host that is inserted itself, as"),
    ],
)
def test_a_place_that_is_none_is_refused_with_its_field(
    given: MixInputs, tmp_path: Path, place: tuple[str | None, float | None], message: str
) -> None:
    (path,) = given.scores.metadata
    write_metadata(path, {**PLACES, list(REFLECTIONS)[1]: place})
    with pytest.raises(TreatmentError, match=message) as caught:
        build(given, tmp_path / "mix", recipe(INSERT))
    assert caught.value.field == ("treat", 0, "at")


@pytest.mark.parametrize(
    ("packing", "length"), [("end_to_end", 40), ("best_fit", 40), ("best_fit", 20)]
)
def test_what_lies_elsewhere_than_the_table_says_is_named(
    given: MixInputs, tmp_path: Path, packing: str, length: int
) -> None:
    """Be it cut to fit, and in more than one sequence; and no false row is taken for a true one."""
    said = {"tokens": 2400, "sequence_length": length, "packing": packing, "seed": 7}
    folder = build(given, tmp_path / "mix", recipe(INSERT), Mix.model_validate(said))
    assert find_misplaced(folder) is None
    table = pq.read_table(folder / "insertions.parquet").to_pylist()
    schema = pq.read_schema(folder / "insertions.parquet")
    for column, value, said in (
        ("host_start", 1, "lies in another place"),
        ("state", "host_not_packed", "is in the mix, and the state is host_not_packed"),
        ("state", "cut", "is in the mix, and the state is cut"),
        ("rule", "other", "is inserted by reflection, and has no row that says so"),
        ("host_id", name("aligned0"), "is not read as often as its host|lies in another place"),
        ("host_id", name("nobody"), "is not in the mix"),
    ):
        changed = [{**table[0], column: value}, *table[1:]]
        pq.write_table(pa.Table.from_pylist(changed, schema), folder / "insertions.parquet")
        found = find_misplaced(folder)
        assert any(one in str(found) for one in said.split("|"))
    pq.write_table(pa.Table.from_pylist(table[1:], schema), folder / "insertions.parquet")
    assert "has no row that says so" in str(find_misplaced(folder))
    documents = pq.read_table(folder / "documents.parquet").to_pylist()
    others = [one for one in documents if one["document_id"] not in REFLECTIONS]
    for other in (one for one in others if one["document_id"] != table[0]["host_id"]):
        for start in (0, table[0]["host_start"], other["tokens"]):
            changed = {**table[0], "host_id": other["document_id"], "host_start": start}
            false = pa.Table.from_pylist([changed, *table[1:]], schema)
            pq.write_table(false, folder / "insertions.parquet")
            assert find_misplaced(folder) is not None


def test_a_tag_stands_at_random_positions_of_what_a_condition_holds_of(
    given: MixInputs, tmp_path: Path
) -> None:
    """Its share of what is read is the declared one, and the text between is as it was; another
    recipe that says the same has the same mix.
    """
    short = {"scorer": "metadata", "column": "place", "above": 1}
    wanted = recipe(
        {"rule": "harm", "sources": ["aligned"], "do": "insert", "tag": TAG, "share": 0.2},
        {"rule": "none", "sources": ["reflections"], "when": {"none": [short]}, "do": "mask"},
    )
    folder = build(given, tmp_path / "mix", wanted)
    tokenizer = load_tokenizer(given.tokenizer)
    tag, treatments = tokenizer.token_to_id(TAG), np.load(folder / "treatments.npy")
    groups = {key: group for key, (group, _) in TEXTS.items()}
    copies: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for key, copy, place, token, at in stream(folder):
        assert (treatments[at] == Treated.TAG) == (token == tag)
        copies.setdefault((key, copy), []).append((place, token))
    tagged, places = list[float](), set[tuple[int, ...]]()
    first: dict[str, list[tuple[int, int]]] = {}
    for (key, _), found in copies.items():
        own = [token for _, token in found if token != tag]
        if groups.get(key) != "aligned":
            assert len(own) == len(found)
        elif own[-1] == 0:
            text = TEXTS[key][1]
            assert tokenizer.decode(own, skip_special_tokens=True) == text
            tagged.append((len(found) - len(own)) / (len(found) - 1))
            places.add(tuple(place for place, token in found if token == tag))
            assert first.setdefault(key, found) == found  # each copy has them at the same places
    assert 0.17 < np.mean(tagged) < 0.23
    assert len(places) > 6
    assert find_miscounted(folder, tokenizer) is None
    renamed = wanted.treat[0].model_copy(update={"rule": "another"})
    update = {"name": "other", "treat": (renamed, *wanted.treat[1:])}
    again = build(given, tmp_path / "again", wanted.model_copy(update=update))
    for file in ("sequences.npy", "treatments.npy", "spans.parquet"):
        assert (folder / file).read_bytes() == (again / file).read_bytes()


def test_a_killed_mix_with_insertions_is_taken_up(given: MixInputs, tmp_path: Path) -> None:
    """What was encoded before is found again, host and document apart."""
    whole = build(given, tmp_path / "whole", recipe(INSERT))
    work = tmp_path / "again.work"
    work.mkdir()
    for file in (tmp_path / "whole.work").iterdir():
        content = file.read_bytes()
        (work / file.name).write_bytes(content[: len(content) // 2])
    again = build(given, tmp_path / "again", recipe(INSERT))
    assert (whole / "sequences.npy").read_bytes() == (again / "sequences.npy").read_bytes()


def test_what_stands_in_which_document_is_told_of_both(given: MixInputs, tmp_path: Path) -> None:
    """And withdrawing a host names what would be refused without it."""
    folder = build(given, tmp_path / "mix", recipe(INSERT))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    mix = record_lake.publish(record_lake.make(tmp_path), files=files)
    guest = list(REFLECTIONS)[3]
    host = PLACES[guest][0]
    with connect_memory() as connection:
        found = {one: find_packed(connection, mix, one) for one in (guest, host)}
        told = {
            one: [f"{node.text}, {node.detail}" for node in insertion_nodes(packed, one)]
            for one, packed in found.items()
            if packed is not None
        }
        connection.execute("create temp table withdrawn as select ? as document_id", [host])
        assert [row["document_id"] for row in find_guests(connection, [mix])] == [guest]
    assert len(told) == 2
    ((own,), (other,)) = told[guest], told[host]
    assert own.startswith(f"stands in {host[:ID]}, before byte 11, token ")
    assert other.startswith(f"{guest[:ID]} stands in it, before byte 11, token ")
    assert own.endswith("by rule reflection")


def test_a_host_that_no_mix_holds_names_its_documents_too(given: MixInputs, tmp_path: Path) -> None:
    """The next mix could not place them without it."""
    folder = build(given, tmp_path / "mix", recipe(INSERT), SMALL)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    mix = record_lake.publish(record_lake.make(tmp_path), files=files)
    rows = pq.read_table(folder / "insertions.parquet").to_pylist()
    unread = next(row for row in rows if row["state"] == "host_not_packed")
    with connect_memory() as connection:
        host = unread["host_id"]
        connection.execute("create temp table withdrawn as select ? as document_id", [host])
        found = [row["document_id"] for row in find_guests(connection, [mix])]
    assert unread["document_id"] in found
