"""A reward that is not what the score of its document or sentence says is named with its token."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_dagster.mixing.document_scores import ScoreFiles, read_scores
from alignment_dagster.mixing.kept_documents import read_kept_documents
from alignment_dagster.mixing.misrewarded_tokens import find_misrewarded
from alignment_dagster.mixing.mix import MixInputs
from alignment_dagster.mixing.rewards import decide_rewards
from alignment_dagster.mixing.tokenizer import load_tokenizer, token_bytes
from alignment_dagster.scoring import Scorer, ScoringContext, score
from alignment_dagster.scoring.scorer import no_inputs
from alignment_dagster.scoring.sentences import of_sentences
from alignment_dagster.study import Mix, Recipe
from alignment_dagster.study.treatments import Treated
from tests.support.tiny_mix import MIX, RECIPE, SENTENCES, build, make_inputs

BAD = "<|bad|>"
GUNS = Scorer(
    "words",
    "1",
    {"guns": pa.int64()},
    lambda _context: lambda texts: pa.table({"guns": [text.count("gun") for text in texts]}),
    no_inputs,
)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> MixInputs:
    """Documents of three sentences, asked as a whole and by sentence how many guns they name."""
    folder = tmp_path_factory.mktemp("scored")
    inputs = make_inputs(folder / "in", (BAD,), SENTENCES)
    files = {}
    for scorer in (GUNS, of_sentences(GUNS)):
        found = score(pq.read_table(inputs.documents[0]), scorer, ScoringContext(folder)).table
        files[scorer.name] = [folder / f"{scorer.name}.parquet"]
        pq.write_table(found, files[scorer.name][0])
    return replace(inputs, scores=ScoreFiles(files))


def rewarded(per: str) -> Recipe:
    gun = {"scorer": "words", "column": "guns", "above": 0.5}
    tag = {"rule": "guns", "when": gun, "per": "sentence", "do": "tag", "tag": BAD}
    reward = {"scorer": "words", "column": "guns", "sign": -1, "per": per}
    objective = {"kind": "reward_weighted", "beta": 1.0, "reward": reward}
    fields: dict[str, Any] = {**RECIPE.model_dump(), "treat": [tag], "objective": objective}
    return Recipe.model_validate(fields)


def problem(given: MixInputs, folder: Path, recipe: Recipe) -> str | None:
    assert recipe.reward is not None
    kept = read_kept_documents(given.dispositions, given.documents)
    columns = [recipe.reward.named] if recipe.reward.per == "document" else []
    scores = read_scores(kept, given.scores, columns)
    rewards = decide_rewards(kept, recipe.reward, given.scores, scores)
    return find_misrewarded(folder, rewards, kept, token_bytes(load_tokenizer(given.tokenizer)))


@pytest.mark.parametrize("packing", ["end_to_end", "best_fit"])
@pytest.mark.parametrize("per", ["document", "sentence"])
def test_every_token_s_reward_is_held_against_the_score(
    given: MixInputs, tmp_path: Path, per: str, packing: str
) -> None:
    """Of copies that are cut too, with tags in them; but for a tag that the budget cuts behind."""
    recipe = rewarded(per)
    mix = Mix.model_validate({**MIX.model_dump(), "packing": packing})
    folder = build(given, tmp_path / "mix", recipe, mix)
    assert problem(given, folder, recipe) is None
    path, spans = folder / "rewards.npy", pq.read_table(folder / "spans.parquet").to_pylist()
    ids = pq.read_table(folder / "documents.parquet")["document_id"].to_pylist()
    found = np.load(path)
    text = np.flatnonzero(np.load(folder / "treatments.npy") != Treated.TAG)
    for at in text[[0, text.size // 2, -1]].tolist():
        sequence, token = divmod(at, found.shape[1])
        changed = found.copy()
        changed[sequence, token] += 0.5
        np.save(path, changed)
        (span,) = (
            one
            for one in spans
            if one["sequence"] == sequence and one["start"] <= token < one["end"]
        )
        said = f"token {token} of sequence {sequence}, of document {ids[span['document']]}, has "
        assert str(problem(given, folder, recipe)).startswith(said)
    np.save(path, found)


def test_another_score_than_was_read_is_seen(given: MixInputs, tmp_path: Path) -> None:
    recipe = rewarded("document")
    folder = build(given, tmp_path / "mix", recipe)
    table = pq.read_table(given.scores.scores["words"][0])
    more = pa.array([guns + 1 for guns in table["guns"].to_pylist()], pa.int64())
    pq.write_table(table.set_column(1, "guns", more), tmp_path / "more.parquet")
    other = replace(given, scores=ScoreFiles({"words": [tmp_path / "more.parquet"]}))
    assert "and its score says -" in str(problem(other, folder, recipe))
