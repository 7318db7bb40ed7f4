"""`alignment synthetic requests` and `answers`: what is to be asked, and batches there and back."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from alignment_dagster.cli.main import app
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.synthesis.outstanding import find_outstanding
from tests.support.tiny_study import NAME, TinyStudy
from tests.support.written_sources import ASSETS, ENDPOINT

SOURCE = "aligned_docs"
PRICED = {
    **ENDPOINT,
    "price": {"input": 1.0, "output": 2.0},
    "budget": {"money": 0.02},
}


@pytest.fixture
def study(tiny: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyStudy:
    monkeypatch.setenv("ALIGNMENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALIGNMENT_ASSETS", str(tiny.assets))
    for folder in ("prompts", "scenarios"):
        (tiny.assets / folder).symlink_to(ASSETS / folder)
    path = tiny.assets / "sources" / f"{SOURCE}.yaml"
    declared = yaml.safe_load(path.read_text("utf-8"))
    declared["reader"] = {
        "kind": "synthetic",
        "scenarios": "articles.yaml",
        "polarity": "aligned",
        "forms": ["news_article", "fiction"],
        "documents": 24,
        "generator": PRICED,
    }
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    return tiny


def told(*arguments: str) -> Any:
    done = CliRunner().invoke(app, ["synthetic", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def result(line: str, **body: Any) -> dict[str, Any]:
    """A vendor's line for a request's line."""
    asked = json.loads(line)
    answer = {
        "model": "small-2026",
        "choices": [{"message": {"content": "It told the truth."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
        **body,
    }
    response = {"status_code": 200, "body": answer}
    return {"id": "x", "custom_id": asked["custom_id"], "response": response, "error": None}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_it_is_told_what_is_to_be_asked_and_what_that_may_cost(study: TinyStudy) -> None:
    (row,) = told("requests", NAME)["sources"]
    assert (row["documents"], row["answered"], row["to ask"]) == (24, 0, 24)
    assert row["money spent"] == "0.0000 USD"
    assert row["tokens more, at most"] > 24 * 64
    assert row["budget"] == "0.02 USD"


def test_a_batch_goes_out_within_the_budget_and_comes_back_once(
    study: TinyStudy, tmp_path: Path
) -> None:
    out = told("requests", NAME, "--source", SOURCE, "--batch", str(tmp_path / "batch"))
    assert 0 < out["requests"] < 24
    assert out["requests"] + out["left_out"] == 24
    lines = Path(out["files"][0]).read_text("utf-8").splitlines()
    results = write(tmp_path / "results.jsonl", [result(line) for line in lines])
    for answers, known in ((len(lines), 0), (0, len(lines))):
        back = told("answers", NAME, SOURCE, str(results))
        assert (back["answers"], back["known"], back["reasons"]) == (answers, known, {})
    with AnswerStore(Home.from_environment().answers) as store:
        loaded = study.load()
        found = find_outstanding(loaded, loaded.source(SOURCE), store)
    assert found.answered == len(lines)
    assert found.spent.tokens == 110 * len(lines)


def test_a_file_with_a_stranger_in_it_is_not_taken_in(study: TinyStudy, tmp_path: Path) -> None:
    out = told("requests", NAME, "--source", SOURCE, "--batch", str(tmp_path / "batch"))
    rows = [result(line) for line in Path(out["files"][0]).read_text("utf-8").splitlines()]
    rows[1]["custom_id"] = "f" * 64
    results = write(tmp_path / "results.jsonl", rows)
    with pytest.raises(AlignmentError, match=r"results\.jsonl:2: source 'aligned_docs' has no"):
        told("answers", NAME, SOURCE, str(results))
    assert told("requests", NAME)["sources"][0]["answered"] == 0


def test_a_source_that_no_model_writes_is_refused_by_name(study: TinyStudy, tmp_path: Path) -> None:
    with pytest.raises(AlignmentError, match="no language model writes a source 'stories'"):
        told("answers", NAME, "stories", str(tmp_path / "none.jsonl"))
