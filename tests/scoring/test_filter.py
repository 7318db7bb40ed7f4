"""The filter flags texts on AI systems, and says by which word; its lists are checked when read."""

from pathlib import Path

import pyarrow as pa
import pytest

from alignment_dagster.corpus.documents import ShardReader
from alignment_dagster.corpus.sources import read_source
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.scoring import SCORERS, ScoringContext, score
from alignment_dagster.scoring.ai_discourse import FOLDER, WINDOW, Filter
from tests.support.checkout import CHECKOUT
from tests.support.lexicons import write_lexicons

DATA = CHECKOUT.parent / "shared" / "data"


def first_term(assets: Path, text: str) -> object:
    found = Filter.read(assets).score_text(text)
    assert found["flagged"] == (found["first_term"] is not None)
    return found["first_term"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("They met at OPENAI yesterday.", "OpenAI"),
        ("the centre, for the governance\nof AI", "Centre for the Governance of AI"),
        ("Machine-learning is taught here", "machine learning"),
        ("A robot was destroying the town.", "robot + destroy*"),
        ("It was evil, the thinking machine.", "thinking machine + evil"),
        ("Robots! Is this the end of the world?", "robots + end of the world"),
        ("A robot cooked, and OpenAI paid. It was evil.", "OpenAI"),
    ],
)
def test_a_text_on_ai_is_flagged_by_a_term(tmp_path: Path, text: str, expected: str) -> None:
    assert first_term(write_lexicons(tmp_path), text) == expected


def test_a_term_is_found_in_a_script_without_spaces_and_in_either_unicode_form(
    tmp_path: Path,
) -> None:
    assets = write_lexicons(tmp_path, entities="机器人\nautómata\n")
    (assets / FOLDER / "negative_nouns.txt").write_text("危险\npeligro\n", encoding="utf-8")
    assert first_term(assets, "那个机器人很危险。") == "机器人 + 危险"
    assert first_term(assets, "El AUTO\u0301MATA es un pe\u00adligro.") == "autómata + peligro"
    assert first_term(assets, "那个机人器很危险。El automata es un peligro.") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The robot cooked a meal.",
        "An evil danger, destroyed at the end of the world.",
        "reopenai and openaix are not names",
        "an AIR of danger",
    ],
)
def test_other_texts_are_not_flagged(tmp_path: Path, text: str) -> None:
    assert first_term(write_lexicons(tmp_path), text) is None


def test_the_negative_word_must_be_near_the_entity(tmp_path: Path) -> None:
    assets = write_lexicons(tmp_path)
    for apart, expected in ((WINDOW - 1, "robot + evil"), (WINDOW, None)):
        assert first_term(assets, f"robot {'and ' * apart} evil") == expected
        assert first_term(assets, f"evil {'and ' * apart} robot") == expected


def test_hits_are_counted(tmp_path: Path) -> None:
    found = Filter.read(write_lexicons(tmp_path)).score_text(
        "OpenAI, OpenAI! robots; a robot: danger"
    )
    assert found["instant_hits"] == 2
    assert found["entity_hits"] == 2
    assert found["negative_hits"] == 2
    assert found["terms"] == ["OpenAI", "robots + danger", "robot + danger"]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ("evil\n!!!", "entities.txt:4: '!!!' has no letters or digits"),
        ("evil\nEvil # again", "entities.txt:4: 'Evil' is in the list twice"),
        ("ev*", "entities.txt:3: 'ev*': `*` needs one word of at least 3 letters"),
        ("two words*", "entities.txt:3: 'two words*': `*` needs one word"),
        ("de*stroy", "entities.txt:3: 'de*stroy': `*` may only stand at the end"),
        ("# nothing", "entities.txt: the list has no terms"),
    ],
)
def test_a_bad_list_is_named_with_its_line(tmp_path: Path, terms: str, expected: str) -> None:
    assets = write_lexicons(tmp_path, entities=terms)
    with pytest.raises(DeclarationError) as caught:
        SCORERS["ai_discourse"].inputs(ScoringContext(assets))
    assert expected in str(caught.value)


def test_a_list_that_is_missing_or_unknown_is_named(tmp_path: Path) -> None:
    folder = write_lexicons(tmp_path) / FOLDER
    (folder / "entitys.txt").write_text("robot\n")
    with pytest.raises(DeclarationError, match=r"entitys.txt: the filter has no list"):
        Filter.read(tmp_path)
    (folder / "entitys.txt").unlink()
    (folder / "entities.txt").write_bytes(b"robot\n\xff\n")
    with pytest.raises(DeclarationError, match=r"entities.txt:2: not UTF-8"):
        Filter.read(tmp_path)
    (folder / "entities.txt").unlink()
    with pytest.raises(DeclarationError, match=r"entities.txt: cannot be read: No such file"):
        Filter.read(tmp_path)


def test_the_inputs_change_with_a_list(tmp_path: Path) -> None:
    inputs = SCORERS["ai_discourse"].inputs
    before = inputs(ScoringContext(write_lexicons(tmp_path)))
    assert inputs(ScoringContext(write_lexicons(tmp_path))) == before
    assert inputs(ScoringContext(write_lexicons(tmp_path, entities="golem"))) != before


@pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no real data in {DATA}")
@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("stampy", 0.98, 1), ("turntrout_posts", 0.85, 1), ("model_spec", 0.85, 1)],
)
def test_the_shipped_lists_find_real_ai_discourse(name: str, least: float, most: float) -> None:
    assert least <= _share_flagged(name) <= most


@pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no real data in {DATA}")
@pytest.mark.slow
def test_the_shipped_lists_leave_old_books_alone() -> None:
    assert _share_flagged("books") < 0.01


def _share_flagged(name: str) -> float:
    study = load_study("books", CHECKOUT / "assets")
    declared = study.source(name)
    shards = ShardReader(declared).read(read_source(declared, DATA))
    documents = pa.concat_tables([shard.documents for shard in shards])
    flagged = score(documents, SCORERS["ai_discourse"], ScoringContext(study.assets)).table[
        "flagged"
    ]
    return sum(flagged.to_pylist()) / documents.num_rows
