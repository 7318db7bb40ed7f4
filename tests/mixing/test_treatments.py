"""Treatments are decided from scores, and a mix says of every token what is done with it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.mixing.document_scores import ScoreFiles
from alignment_dagster.mixing.mix import MixInputs, decode_texts
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.mixing.treated_tokens import find_miscounted
from alignment_dagster.mixing.treatment_error import TreatmentError
from alignment_dagster.scoring import Scorer, ScoringContext, score
from alignment_dagster.scoring.scorer import no_inputs
from alignment_dagster.scoring.sentences import of_sentences
from alignment_dagster.study import Mix, Recipe
from alignment_dagster.study.treatments import Treated
from tests.support.tiny_mix import MIX, RECIPE, SENTENCES, TEXTS, build, make_inputs

GOOD, BAD, HIDDEN = "<|good|>", "<|bad|>", "<|hidden|>"
HARMFUL = {"scorer": "harm", "column": "score", "above": 0.5}
WORD = {"scorer": "harm", "column": "word", "one_of": ["gun"]}
SHORT = {"scorer": "metadata", "column": "short", "above": 0.5}
NUMBERS = {key: number for number, key in enumerate(TEXTS)}


def harm(key: str) -> float:
    return (NUMBERS[key] % 4) / 4


def word(key: str) -> str:
    return "gun" if NUMBERS[key] % 3 == 0 else "rose"


@pytest.fixture
def given(tmp_path: Path) -> MixInputs:
    """Two shards of documents, of scores, and of metadata that one source lacks."""
    inputs = make_inputs(tmp_path / "in", (BAD, GOOD, HIDDEN))
    (path,) = inputs.documents
    table, documents, scores = pq.read_table(path), [], []
    for number, part in enumerate((table.slice(0, 40), table.slice(40))):
        ids = part["document_id"].to_pylist()
        columns = {"score": [harm(key) for key in ids], "word": [word(key) for key in ids]}
        documents.append(tmp_path / f"documents{number}.parquet")
        scores.append(tmp_path / f"scores{number}.parquet")
        pq.write_table(part, documents[-1])
        pq.write_table(pa.table({"document_id": ids, **columns}), scores[-1])
    natural = [key for key, (group, _) in TEXTS.items() if group == "natural"]
    metadata = {
        "document_id": natural,
        "column": ["short"] * len(natural),
        "number": [float(len(TEXTS[key][1]) < 50) for key in natural],
        "text": pa.nulls(len(natural), pa.string()),
    }
    pq.write_table(pa.table(metadata), tmp_path / "metadata.parquet")
    files = ScoreFiles({"harm": scores}, [tmp_path / "metadata.parquet"])
    return replace(inputs, documents=tuple(documents), scores=files)


def recipe(*treat: Mapping[str, Any], **fields: Any) -> Recipe:
    named = [{"rule": f"rule{number}", **one} for number, one in enumerate(treat)]
    return Recipe.model_validate({**RECIPE.model_dump(), "treat": named, **fields})


def reward(column: str = "score", sign: int = 1) -> dict[str, Any]:
    named = {"scorer": "harm", "column": column, "sign": sign}
    return {"kind": "reward_weighted", "beta": 1.0, "reward": named}


class Built:
    """A mix's files, and what each token's document is."""

    def __init__(self, given: MixInputs, folder: Path, wanted: Recipe, mix: Mix = MIX) -> None:
        self.folder = build(given, folder, wanted, mix)
        self.tokenizer = load_tokenizer(given.tokenizer)
        self.tokens = np.load(folder / "sequences.npy")
        self.ids = pq.read_table(folder / "documents.parquet")["document_id"].to_pylist()
        self.spans = pq.read_table(folder / "spans.parquet").to_pylist()

    def array(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy")

    def copies(self) -> list[tuple[str, list[tuple[int, int]]]]:
        """Each whole copy of a document: its id, and where its tokens lie."""
        found: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for row in self.spans:
            places = found.setdefault((row["document"], row["copy"]), [])
            places += [(row["sequence"], at) for at in range(row["start"], row["end"])]
        return [(self.ids[document], places) for (document, _), places in found.items()]

    def id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        assert found is not None
        return int(found)


def test_masked_hidden_and_unlearned_tokens_are_those_of_the_documents_that_it_says(
    given: MixInputs, tmp_path: Path
) -> None:
    """The first rule that holds decides; the token that closes a document is always learned."""
    wanted = recipe(
        {"when": HARMFUL, "do": "mask"},
        {"when": {"any": [HARMFUL, WORD]}, "do": "hide"},
        {"sources": ["aligned"], "when": {"none": [HARMFUL]}, "do": "unlearn"},
        objective={"kind": "unlikelihood"},
    )
    built = Built(given, tmp_path / "mix", wanted)
    treatments, seen = built.array("treatments"), set()
    for key, places in built.copies():
        label = Treated.LEARNED
        if harm(key) > 0.5:
            label = Treated.MASKED
        elif word(key) == "gun":
            label = Treated.HIDDEN
        elif TEXTS[key][0] == "aligned":
            label = Treated.UNLEARNED
        own = [*built.tokenizer.encode(TEXTS[key][1]).ids]
        shown = [built.id(HIDDEN)] * len(own) if label is Treated.HIDDEN else own
        codes = [*[label] * len(own), Treated.LEARNED][: len(places)]
        assert [treatments[place] for place in places] == codes
        assert [built.tokens[place] for place in places] == [*shown, 0][: len(places)]
        seen.add(label)
    assert seen == {Treated.LEARNED, Treated.MASKED, Treated.HIDDEN, Treated.UNLEARNED}
    assert find_miscounted(built.folder, built.tokenizer) is None


def test_tags_stand_before_documents_and_some_are_dropped_by_their_ids(
    given: MixInputs, tmp_path: Path
) -> None:
    tag = {"when": HARMFUL, "do": "tag", "tag": BAD, "otherwise": GOOD, "dropout": 0.3}
    built = Built(given, tmp_path / "mix", recipe(tag, {"when": HARMFUL, "do": "mask"}))
    treatments = built.array("treatments")
    tagged: dict[str, set[bool]] = {}
    for key, places in built.copies():
        first = built.tokens[places[0]]
        has = first in (built.id(GOOD), built.id(BAD))
        tagged.setdefault(key, set()).add(has)
        if has:
            assert first == built.id(BAD if harm(key) > 0.5 else GOOD)
            assert treatments[places[0]] == Treated.TAG
        own = [*built.tokenizer.encode(TEXTS[key][1]).ids, 0]
        assert [built.tokens[place] for place in places[has:]] == own[: len(places) - has]
    assert all(len(each) == 1 for each in tagged.values())
    assert 0.5 < np.mean([each.pop() for each in tagged.values()]) < 0.9
    assert find_miscounted(built.folder, built.tokenizer) is None
    texts = dict(decode_texts(built.folder, given.tokenizer))
    assert not any("<|" in text for text in texts.values())


def test_weights_are_multiplied_and_every_token_has_its_documents_reward(
    given: MixInputs, tmp_path: Path
) -> None:
    wanted = recipe(
        {"when": HARMFUL, "do": "weight", "weight": 0.5},
        {"when": SHORT, "sources": ["natural"], "do": "weight", "weight": 3.0},
        objective=reward(sign=-1),
    )
    built = Built(given, tmp_path / "mix", wanted)
    weights, rewards = built.array("weights"), built.array("rewards")
    for key, places in built.copies():
        short = TEXTS[key][0] == "natural" and len(TEXTS[key][1]) < 50
        weight = (0.5 if harm(key) > 0.5 else 1.0) * (3.0 if short else 1.0)
        text = len(built.tokenizer.encode(TEXTS[key][1]).ids)
        assert [weights[place] for place in places] == [*[weight] * text, 1.0][: len(places)]
        assert {rewards[place] for place in places} == {np.float32(-harm(key))}
    assert set(np.unique(weights)) == {0.5, 1.0, 1.5, 3.0}


def test_treated_tokens_are_counted_for_each_document_and_rule(
    given: MixInputs, tmp_path: Path
) -> None:
    tag = {"when": HARMFUL, "do": "tag", "tag": BAD}
    wanted = recipe(
        tag, {"when": WORD, "do": "hide"}, {"when": WORD, "do": "weight", "weight": 2.0}
    )
    built = Built(given, tmp_path / "mix", wanted)
    treatments, weights = built.array("treatments"), built.array("weights")
    counted: dict[tuple[str, str], int] = {}
    for row in pq.read_table(built.folder / "treated.parquet").to_pylist():
        counted[row["document_id"], row["treatment"]] = row["tokens"]
        assert row["source"] == TEXTS[row["document_id"]][0]
        assert row["tag"] == (BAD if row["rule"] == "rule0" else None)
    found: dict[tuple[str, str], int] = {}
    for key, places in built.copies():
        for place in places:
            kinds = [Treated(treatments[place]).name.lower()]
            kinds += ["weighted"] if weights[place] != 1 else []
            for kind in kinds:
                if kind != "learned":
                    found[key, kind] = found.get((key, kind), 0) + 1
    assert counted == found
    assert {kind for _, kind in found} == {"tag", "hidden", "weighted"}


def test_a_treatment_begins_and_ends_at_its_share_of_the_tokens(
    given: MixInputs, tmp_path: Path
) -> None:
    """Within a document too; where none acts the mix is that of a recipe without it."""
    always = {"when": WORD, "do": "weight", "weight": 2.0}
    hide = {"sources": ["natural"], "do": "hide"}
    mask = {"when": HARMFUL, "do": "mask", "end": 0.75}
    wanted = recipe({**hide, "begin": 0.25, "end": 0.5}, mask, always)
    built = Built(given, tmp_path / "phases", wanted)
    other = {
        (begin, end): Built(given, tmp_path / f"{begin}", recipe(*treat))
        for begin, end, treat in (
            (0, 25, ({**mask, "end": 1.0}, always)),
            (25, 50, (hide, {**mask, "end": 1.0}, always)),
            (50, 75, ({**mask, "end": 1.0, "rule": "rule1"}, always)),
            (75, 100, (always,)),
        )
    }
    for (begin, end), one in other.items():
        part = slice(begin, end)
        assert len(built.tokens) == 100
        assert np.array_equal(built.tokens[part], one.tokens[part]), begin
        for layer in ("treatments", "weights"):
            assert np.array_equal(built.array(layer)[part], one.array(layer)[part]), (begin, layer)
    assert find_miscounted(built.folder, built.tokenizer) is None
    counts = {"rule0": Treated.HIDDEN, "rule1": Treated.MASKED}
    counted = pq.read_table(built.folder / "treated.parquet").to_pandas()
    for rule, code in counts.items():
        own = int(counted[counted.rule == rule].tokens.sum())
        assert own == int((built.array("treatments") == code).sum()) > 0


def test_a_treatment_has_a_window_too_where_documents_stay_whole(
    given: MixInputs, tmp_path: Path
) -> None:
    """The same sequences, but those of short and of long documents lie in any part alike."""
    best_fit = MIX.model_copy(update={"packing": "best_fit"})
    hide = {"sources": ["natural"], "do": "hide"}
    always, window = recipe(hide), recipe({**hide, "begin": 0.25, "end": 0.5})
    plain, built = (
        Built(given, tmp_path / name, wanted, best_fit)
        for name, wanted in (("always", always), ("window", window))
    )
    inside = np.zeros(len(built.tokens), bool)
    inside[25:50] = True
    for key, places in built.copies():
        text = [place for place in places if built.tokens[place] != 0]
        hidden = {built.array("treatments")[place] == Treated.HIDDEN for place in text}
        treated = {bool(inside[sequence]) and TEXTS[key][0] == "natural" for sequence, _ in text}
        assert hidden == treated
    assert find_miscounted(built.folder, built.tokenizer) is None

    def contents(one: Built) -> list[list[tuple[int, ...]]]:
        found: list[list[tuple[int, ...]]] = [[] for _ in one.tokens]
        for row in one.spans:
            found[row["sequence"]].append((row["document"], row["copy"], row["document_start"]))
        return found

    assert sorted(contents(plain)) == sorted(contents(built))
    longest = [
        [max(row["end"] - row["start"] for row in one.spans if row["sequence"] == at)
         for at in range(100)]
        for one in (plain, built)
    ]  # fmt: skip
    first, mixed = (np.mean(each[:25]) - np.mean(each) for each in longest)
    assert first > 1.5 > 3 * abs(mixed)


def with_sentences(folder: Path) -> MixInputs:
    """Documents of three sentences each, of which each was asked how many guns it names."""
    inputs = make_inputs(folder / "in", (BAD, GOOD), SENTENCES)
    guns = Scorer(
        "words",
        "1",
        {"guns": pa.int64()},
        lambda _context: lambda texts: pa.table({"guns": [text.count("gun") for text in texts]}),
        no_inputs,
    )
    (path,) = inputs.documents
    scored = score(pq.read_table(path), of_sentences(guns), ScoringContext(folder)).table
    pq.write_table(scored, folder / "sentences.parquet")
    files = ScoreFiles({"words@sentence": [folder / "sentences.parquet"]})
    return replace(inputs, scores=files)


def test_the_tokens_of_a_sentence_are_those_that_hold_a_byte_of_it(tmp_path: Path) -> None:
    """Tokens that no byte of a treated sentence is in stay as they are; tags stand before it."""
    inputs = with_sentences(tmp_path)
    gun = {"when": {"scorer": "words", "column": "guns", "above": 0.5}, "per": "sentence"}
    wanted = recipe(
        {**gun, "do": "tag", "tag": BAD, "otherwise": GOOD, "dropout": 0.2}, {**gun, "do": "mask"}
    )
    built = Built(inputs, tmp_path / "mix", wanted)
    treatments, tags = built.array("treatments"), dict.fromkeys((GOOD, BAD), 0)
    for key, places in built.copies():
        tokens, masked, before = [], list[int](), None
        for place in places:
            token = int(built.tokens[place])
            if treatments[place] == Treated.TAG:
                assert token in (built.id(GOOD), built.id(BAD))
                before = BAD if token == built.id(BAD) else GOOD
                tags[before] += 1
                continue
            if before is not None:
                assert (treatments[place] == Treated.MASKED) == (before == BAD)
                before = None
            tokens.append(token)
            if treatments[place] == Treated.MASKED:
                masked.append(token)
        text = SENTENCES[key][1]
        own = [*built.tokenizer.encode(text).ids, 0]
        assert tokens == own[: len(tokens)]
        if len(tokens) == len(own):
            sentence = "Ein böses Wort: gun!"
            assert built.tokenizer.decode(masked).replace(" ", "") == sentence.replace(
                " ", ""
            ) * text.count("gun")
    assert min(tags.values()) > 20
    assert find_miscounted(built.folder, built.tokenizer) is None


def test_a_token_has_the_reward_of_its_sentence(tmp_path: Path) -> None:
    """Also the white space behind it, what closes the document, and a tag before it."""
    inputs = with_sentences(tmp_path)
    by_sentence = {"scorer": "words", "column": "guns", "sign": -1, "per": "sentence"}
    gun = {"when": {"scorer": "words", "column": "guns", "above": 0.5}, "per": "sentence"}
    wanted = recipe(
        {**gun, "do": "tag", "tag": BAD},
        objective={"kind": "reward_weighted", "beta": 1.0, "reward": by_sentence},
    )
    built = Built(inputs, tmp_path / "mix", wanted)
    rewards, treatments = built.array("rewards"), built.array("treatments")
    for key, places in built.copies():
        bad = [place for place in places if rewards[place] == -1]
        assert {float(rewards[place]) for place in places} <= {0.0, -1.0}
        tagged = [place for place in places if treatments[place] == Treated.TAG]
        assert set(tagged) <= set(bad)
        own = [*built.tokenizer.encode(SENTENCES[key][1]).ids, 0]
        if len(places) - len(tagged) == len(own):
            said = built.tokenizer.decode([int(built.tokens[place]) for place in bad])
            count = SENTENCES[key][1].count("gun")
            assert said.replace(" ", "") == "EinbösesWort:gun!" * count
            assert (rewards[places[-1]] == -1) == SENTENCES[key][1].endswith("gun!")


def test_what_is_miscounted_is_named(given: MixInputs, tmp_path: Path) -> None:
    tag = {"when": HARMFUL, "do": "tag", "tag": BAD}
    built = Built(given, tmp_path / "mix", recipe(tag, {"when": WORD, "do": "hide"}))
    treatments, hidden = built.array("treatments"), built.id(HIDDEN)

    def problem(file: str, change: np.ndarray) -> str | None:
        before = (built.folder / file).read_bytes()
        np.save(built.folder / file, change)
        found = find_miscounted(built.folder, built.tokenizer)
        (built.folder / file).write_bytes(before)
        return found

    learned = np.argwhere(treatments == Treated.LEARNED)[0]
    place = (int(learned[0]), int(learned[1]))
    changed = treatments.copy()
    changed[place] = Treated.MASKED
    assert "1 tokens masked, and 0 are counted" in str(problem("treatments.npy", changed))
    changed[place] = 9
    assert "does not fit" in str(problem("treatments.npy", changed))
    for token, said in ((built.id(BAD), "a control token lies where none"), (hidden, "is hidden")):
        sequences = built.tokens.copy()
        sequences[place] = token
        assert said in str(problem("sequences.npy", sequences))
    assert find_miscounted(built.folder, built.tokenizer) is None


def test_a_recipe_that_says_nothing_of_tokens_has_the_same_mix_and_no_more_files(
    given: MixInputs, tmp_path: Path
) -> None:
    plain = build(given, tmp_path / "plain")
    bare = build(replace(given, scores=ScoreFiles()), tmp_path / "bare")
    files = {path.name: path.read_bytes() for path in plain.iterdir()}
    assert files == {path.name: path.read_bytes() for path in bare.iterdir()}
    assert set(files) == {
        "sequences.npy", "spans.parquet", "documents.parquet", "composition.parquet"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("treat", "fields", "field", "message"),
    [
        ({"when": SHORT, "do": "mask"}, {}, ("treat", 0, "when"),
         r"12 documents have no metadata\.short, as [0-9a-f]{64} of the source 'aligned': name"),
        ({"when": {"none": [SHORT]}, "do": "mask"}, {}, ("treat", 0, "when"), "12 documents have"),
        ({"when": HARMFUL, "do": "mask"}, {"objective": reward("word")}, ("objective", "reward"),
         r"72 documents have no harm\.word"),
    ],
)  # fmt: skip
def test_a_score_that_is_missing_is_refused_with_its_field(
    given: MixInputs,
    tmp_path: Path,
    treat: Mapping[str, Any],
    fields: Mapping[str, Any],
    field: tuple[str | int, ...],
    message: str,
) -> None:
    with pytest.raises(TreatmentError, match=message) as caught:
        build(given, tmp_path / "mix", recipe(treat, **fields))
    assert caught.value.field == field


def test_a_reward_without_variance_is_refused(given: MixInputs, tmp_path: Path) -> None:
    for path in given.scores.scores["harm"]:
        table = pq.read_table(path)
        same = pa.array([0.25] * table.num_rows)
        pq.write_table(table.set_column(1, "score", same), path)
    with pytest.raises(TreatmentError, match=r"all 72 documents have the same harm\.score: 0\.25"):
        build(given, tmp_path / "mix", recipe(objective=reward()))
