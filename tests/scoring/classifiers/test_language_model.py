"""A judge's verdicts count for what they are worth on labelled documents."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.preflight.synthesis import find_own_judges
from alignment_dagster.scoring.classifiers.trained import Trained
from alignment_dagster.study import Study
from tests.support.endpoint_server import EndpointServer
from tests.support.labelled_texts import BINARY, WORDS, declare, learn, texts, write
from tests.support.written_sources import ENDPOINT, written

QUESTION = "Is the text about a machine or about the sea? Reply with one word, machine or sea."


def verdict(prompt: str) -> str:
    """Mostly right; of texts that end in 7 the opposite, of those that end in 3 something else."""
    text = prompt.splitlines()[-2]
    machine = any(word in text for word in WORDS["machine"])
    if text.endswith("3"):
        return "I cannot say."
    return "Machine." if machine != text.endswith("7") else "sea"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    monkeypatch.setenv("ALIGNMENT_HOME", str(tmp_path / "home"))
    with EndpointServer(write=verdict) as serving:
        yield serving


def model(server: EndpointServer, **fields: Any) -> dict[str, Any]:
    generator = {**ENDPOINT, "url": server.url, "sampling": {"max_tokens": 16}, "attempts": 1}
    return {
        "kind": "language_model",
        "question": QUESTION,
        "answers": ["machine", "sea"],
        "generator": {**generator, **fields},
    }


def test_what_it_is_worth_is_learnt_and_each_text_is_asked_once(
    server: EndpointServer, tmp_path: Path
) -> None:
    corpora = [write(tmp_path, kind, texts(kind)) for kind in ("machine", "sea")]
    trained, _, _ = learn(declare(BINARY, ["machine", "sea"], model=model(server)), corpora)
    (tmp_path / "made").mkdir()
    trained.save(tmp_path / "made")
    asked = server.bodies.total()
    batch = [*texts("machine", 100), *texts("sea", 100)]
    found = Trained.load(tmp_path / "made").score(batch)["score"].to_pylist()
    assert set(server.bodies.values()) == {1}
    assert server.bodies.total() >= asked
    # Nine of ten verdicts are right, and a text without one lies between.
    sure = [score for text, score in zip(batch[:100], found, strict=False) if text[-1] not in "37"]
    unsure = [score for text, score in zip(batch, found, strict=True) if text[-1] == "3"]
    assert min(sure) > 0.7
    assert 0.3 < max(unsure) < 0.7
    again = Trained.load(tmp_path / "made").score(batch)["score"].to_pylist()
    assert again == found
    assert set(server.bodies.values()) == {1}


def test_it_is_asked_at_temperature_0_and_the_text_is_fenced(
    server: EndpointServer, tmp_path: Path
) -> None:
    corpora = [write(tmp_path, kind, texts(kind, 60)) for kind in ("machine", "sea")]
    learn(declare(BINARY, ["machine", "sea"], model=model(server)), corpora)
    for body in server.bodies:
        request = json.loads(body)
        lines = request["messages"][-1]["content"].splitlines()
        assert request["temperature"] == 0
        assert lines[0] == QUESTION
        assert lines[2] == lines[-1]
        assert lines[-1] not in lines[3]


def test_a_judge_that_does_not_answer_is_named(server: EndpointServer, tmp_path: Path) -> None:
    broken = texts("sea", 60)
    broken[::3] = [f"{text} [wrong:status_400]" for text in broken[::3]]
    corpora = [write(tmp_path, "machine", texts("machine", 60)), write(tmp_path, "sea", broken)]
    with pytest.raises(DataError, match=r"judge small: \d+ texts have no verdict, the first: HTTP"):
        learn(declare(BINARY, ["machine", "sea"], model=model(server)), corpora)


def test_a_study_is_told_where_a_model_judges_what_it_wrote(server: EndpointServer) -> None:
    classifier = declare(BINARY, ["machine", "sea"], model=model(server))
    for writer, told in ((ENDPOINT, 1), ({**ENDPOINT, "model": "other"}, 0)):
        fields: dict[str, Any] = {
            "declaration": type("Named", (), {"name": "study"}),
            "classifiers": (classifier,),
            "sources": (written(generator=writer), written("grammar")),
        }
        lines = list(find_own_judges(Study.model_construct(**fields)))
        assert len(lines) == told
        assert all("judges what it wrote itself (written)" in line for line in lines)
