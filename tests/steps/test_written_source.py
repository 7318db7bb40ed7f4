"""A source that an endpoint writes: each document is asked for once, and all is accounted for."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
import yaml

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.home import Home
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.language_models.request import prompt_digest
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps import raw_corpus
from tests.support.endpoint_server import EndpointServer
from tests.support.tiny_study import TinyStudy
from tests.support.written_sources import ASSETS, ENDPOINT

SOURCE = "aligned_docs"
WRITTEN = "In the end the assistant told the whole truth about it"


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    with EndpointServer(write=lambda prompt: f"{WRITTEN}. {len(prompt)}") as serving:
        yield serving


@pytest.fixture
def build(
    tiny: TinyStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: EndpointServer
) -> Any:
    """Builds the source as declared; gives its checks by name."""
    monkeypatch.setattr(raw_corpus, "_earlier", lambda _context: None)
    for folder in ("prompts", "scenarios"):
        (tiny.assets / folder).symlink_to(ASSETS / folder)
    path = tiny.assets / "sources" / f"{SOURCE}.yaml"
    declared = yaml.safe_load(path.read_text("utf-8"))
    for name in ("sha256", "sample"):
        declared.pop(name, None)

    numbers = count()

    def run(more: dict[str, Any] | None = None, **generator: Any) -> dict[str, Check]:
        declared["reader"] = {
            "kind": "synthetic",
            "scenarios": "articles.yaml",
            "polarity": "aligned",
            "forms": ["news_article", "fiction"],
            "documents": 24,
            "generator": {**ENDPOINT, "url": server.url, "attempts": 1, **generator},
            **(more or {}),
        }
        path.write_text(yaml.safe_dump(declared), encoding="utf-8")
        study = tiny.load()
        context: Any = SimpleNamespace(
            study=study,
            partition=SOURCE,
            inputs=SimpleNamespace(external_inputs=raw_corpus.external_inputs(study, SOURCE)),
            folder=tmp_path / "out" / str(number := next(numbers)),
            work=tmp_path / "work" / str(number),
            stores=SimpleNamespace(home=Home(tmp_path / "home")),
            report=lambda *_: None,
            tell=lambda *_: None,
        )
        run.folder = context.folder  # type: ignore[attr-defined]
        checks = raw_corpus.build(cast(BuildContext, context)).checks
        return {check.name: check for check in checks}

    return run


def table(build: Any, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(build.folder / name).to_pylist()
    return rows


def test_every_document_has_its_prompt_and_its_row(build: Any, server: EndpointServer) -> None:
    assert all(check.passed for check in build().values())
    documents = table(build, "documents")
    prompts = {row["prompt"]: row for row in table(build, "prompts")}
    for row in prompts.values():
        assert row["prompt"] == prompt_digest(row["system"], row["text"])
    columns: dict[str, dict[str, Any]] = {}
    for row in table(build, "metadata"):
        value = row["text"] if row["text"] is not None else row["number"]
        columns.setdefault(row["document_id"], {})[row["column"]] = value
    for row in documents:
        own = columns[row["document_id"]]
        assert row["text"].startswith(WRITTEN)
        assert own["prompt"] in prompts
        assert own["reported_model"] == own["model"] == "small"
        assert (own["prompt_tokens"], own["completion_tokens"]) == (20, 10)
        assert own["finish_reason"] == "stop"
    assert server.bodies.total() == 24


def test_more_documents_ask_for_what_is_new_alone(build: Any, server: EndpointServer) -> None:
    build()
    build()
    assert server.bodies.total() == 24
    build({"documents": 30})
    assert server.bodies.total() == 30
    assert set(server.bodies.values()) == {1}


def test_what_cannot_be_used_is_quarantined_and_counted(
    build: Any, server: EndpointServer, tiny: TinyStudy
) -> None:
    server.write = lambda prompt: "\x07" if len(prompt) % 3 == 0 else f"{WRITTEN}. {prompt}"
    checks = build()
    bad = table(build, "quarantine")
    repeats = table(build, "repeats")
    assert bad
    assert len(table(build, "documents")) + len(repeats) + len(bad) == 24
    assert {row["reason"] for row in bad} == {"a control character (U+0007) at character 0"}
    assert not checks["rows_usable"].passed
    assert "synthetic:openai_compatible:" in checks["rows_usable"].summary


def test_a_budget_ends_it_with_one_message_and_what_was_paid_for_is_kept(
    build: Any, server: EndpointServer
) -> None:
    with pytest.raises(DataError, match=r"source 'aligned_docs': budget\.tokens: 1,500 may be"):
        build(budget={"tokens": 1500}, concurrency=1)
    asked = server.bodies.total()
    assert 0 < asked < 24
    build()
    assert server.bodies.total() == 24


def test_an_endpoint_that_is_not_there_or_asks_for_a_key_is_one_message(
    build: Any, server: EndpointServer
) -> None:
    with pytest.raises(DataError, match=r"the endpoint at 127\.0\.0\.1:9: no connection"):
        build(url="http://127.0.0.1:9/v1")
    server.write = lambda _prompt: "unused"
    with pytest.raises(DataError, match="does ALIGNMENT_GENERATOR_KEY hold a key"):
        build(model="[wrong:status_401]")


@pytest.mark.parametrize("text", [WRITTEN, "\x07"])
def test_its_page_says_how_it_was_written_even_where_nothing_could_be_used(
    build: Any, server: EndpointServer, tiny: TinyStudy, text: str
) -> None:
    server.write = lambda prompt: text + prompt
    build()
    files = {
        path.relative_to(build.folder).as_posix(): "" for path in build.folder.rglob("*.parquet")
    }
    artifact: Any = SimpleNamespace(
        partition=SOURCE, path=build.folder, manifest=SimpleNamespace(files=files)
    )
    shown = raw_corpus.page_metadata(tiny.load(), artifact)
    assert shown["dagster/row_count"] + shown["quarantined_rows"] == 24
    if text == WRITTEN:
        assert shown["prompts"] == 24
        assert shown["tokens_of_answers_and_prompts"] == 24 * 30
    else:
        assert "prompts" not in shown
