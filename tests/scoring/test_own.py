"""A study's own scorer is found, typed and versioned by its file; bad code is one clear message."""

from pathlib import Path

import pyarrow as pa
import pytest

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.scoring import ScoringContext, find_scorer, score
from tests.support.scored_texts import documents

SHOUTING = """
import numpy as np

def marks(texts):
    return {"marks": np.array([text.count("!") for text in texts], dtype=np.int64)}
"""
LISTS = """
from alignment_dagster.scoring.own import columns

@columns(share=float, first=str, loud=bool)
def marks(texts):
    return {
        "loud": ["!" in text for text in texts],
        "share": [text.count("!") / len(text) for text in texts],
        "first": [text[:1] for text in texts],
    }
"""


def write(assets: Path, code: str, name: str = "shouting") -> Path:
    (assets / "scorers").mkdir(exist_ok=True)
    (assets / "scorers" / f"{name}.py").write_text(code)
    return assets


def test_columns_are_those_of_no_text_or_those_declared(tmp_path: Path) -> None:
    found = find_scorer("shouting:marks", write(tmp_path, SHOUTING))
    assert dict(found.columns) == {"marks": pa.int64()}
    scored = score(documents(["a!", "b", ""]), found, ScoringContext(tmp_path))
    assert scored.table["marks"].to_pylist() == [1, 0, 0]
    declared = find_scorer("shouting:marks", write(tmp_path, LISTS))
    assert declared.columns == {"share": pa.float64(), "first": pa.string(), "loud": pa.bool_()}


def test_a_document_that_it_fails_on_is_named_with_the_reason_and_the_others_are_scored(
    tmp_path: Path,
) -> None:
    found = find_scorer("shouting:marks", write(tmp_path, LISTS))
    scored = score(documents(["a!", "", "b"]), found, ScoringContext(tmp_path))
    assert scored.table["share"].to_pylist() == [0.5, None, 0.0]
    assert scored.table["document_id"].to_pylist() == ["0", "1", "2"]
    assert scored.failures.to_pylist() == [
        {
            "document_id": "1",
            "scorer": "shouting:marks",
            "reason": "ZeroDivisionError: division by zero",
        }
    ]


def test_its_version_is_the_digest_of_its_file_and_what_the_file_says(tmp_path: Path) -> None:
    context = ScoringContext(tmp_path)
    inputs = [
        find_scorer("shouting:marks", write(tmp_path, code)).inputs(context)
        for code in (SHOUTING, SHOUTING, SHOUTING + "# other\n", SHOUTING + "VERSION = 2\n")
    ]
    assert inputs[0] == inputs[1]
    assert len(set(inputs)) == 3
    assert inputs[3].startswith("2:")


def test_a_module_that_python_finds_needs_no_file_beside_the_study(tmp_path: Path) -> None:
    found = find_scorer("tests.support.own_scorer:letters", tmp_path)
    scored = score(documents(["abc"]), found, ScoringContext(tmp_path))
    assert scored.table["letters"].to_pylist() == [3]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def marks(:", "shouting.py:1: SyntaxError: "),
        ("\nimport there_is_none", "shouting.py:2: ModuleNotFoundError: No module named"),
        ("\n\n1 / 0", "shouting.py:3: ZeroDivisionError: division by zero"),
        ("mark = 1", "shouting.py: has no function 'marks'"),
        ("marks = 1", "shouting.py: has no function 'marks'"),
        (
            "def marks(texts): return {'n': [1 for _ in texts]}",
            "shouting.py: marks: column 'n' is of type null with no text: declare it with",
        ),
        (
            "def marks(texts): return 3",
            "marks: cannot be asked for its columns with no text: TypeE",
        ),
        ("def marks(texts): return texts[0]", "with no text: IndexError: list index out of range"),
        ("def marks(texts): return {}", "marks: gives no column"),
        (
            "from alignment_dagster.scoring.own import columns\n@columns(n=list)\n"
            "def marks(texts): return {}",
            "marks: the type of 'n' is none of bool, int, float, str",
        ),
        (
            "from alignment_dagster.scoring.own import columns\n@columns(N=int)\n"
            "def marks(texts): return {}",
            "marks: 'N' is no column's name",
        ),
    ],
)
def test_bad_code_is_one_clear_message(tmp_path: Path, code: str, expected: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        find_scorer("shouting:marks", write(tmp_path, code))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_that_nobody_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"there is no .*scorers/none\.py, and no module"):
        find_scorer("none:marks", tmp_path)


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("{'n': [1] * (len(texts) and 5)}", "5 values of 'n' for 1 texts"),
        ("{'m': [1 for _ in texts]}", "gave the columns ['m'], not ['n']"),
        ("{'n': ['one' for _ in texts]}", "ArrowInvalid"),
        ("{'n': [None for _ in texts]}", "'n' has no value"),
    ],
)
def test_columns_that_are_other_than_declared_are_the_documents_reason(
    tmp_path: Path, returned: str, reason: str
) -> None:
    head = "from alignment_dagster.scoring.own import columns\n@columns(n=int)\n"
    found = find_scorer(
        "shouting:marks", write(tmp_path, f"{head}def marks(texts): return {returned}")
    )
    scored = score(documents(["a"]), found, ScoringContext(tmp_path))
    assert reason in scored.failures["reason"][0].as_py()
    assert scored.table["n"].to_pylist() == [None]
