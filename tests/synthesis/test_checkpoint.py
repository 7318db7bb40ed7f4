"""A local checkpoint writes what its seed says, whatever is answered beside it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.job import SilentProgress
from alignment_dagster.language_models.answer import Answer
from alignment_dagster.language_models.answer_store import AnswerStore
from alignment_dagster.study.synthesis import Sampling, SpendingLimit, Transformers
from alignment_dagster.synthesis.checkpoint_job import Asked, CheckpointJob
from alignment_dagster.synthesis.generators.checkpoint import GumbelNoise, answer_requests
from tests.support.base_model import change, write_base

TEXTS = ("the keeper", "the ship came home to the harbour at night", "truth", "the lamp and the")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_base(tmp_path / "writer", "llama")
    monkeypatch.setenv("ALIGNMENT_DATA", str(tmp_path))
    return tmp_path


def generator(**fields: Any) -> Transformers:
    sampling = Sampling(max_tokens=fields.pop("max_tokens", 12), **fields.pop("sampling", {}))
    declared = {"kind": "transformers", "path": "writer", "api": "completions", **fields}
    return Transformers(sampling=sampling, **declared)


def answers(
    data: Path, asked: list[Asked], used: Transformers, store: str = "a.db"
) -> list[Answer]:
    """What is in the store after a run."""
    lines = "".join(json.dumps(asdict(one)) + "\n" for one in asked)
    (data / "requests.jsonl").write_text(lines, encoding="utf-8")
    job = CheckpointJob(
        source="written",
        generator=used,
        requests=str(data / "requests.jsonl"),
        answers=str(data / store),
        work=str(data / "work"),
    )
    answer_requests(job, SilentProgress(data / "work"))
    with AnswerStore(data / store) as kept:
        found = [kept.get(one.digest) for one in asked]
    assert all(found)
    return found  # type: ignore[return-value]


def requests(texts: tuple[str, ...] = TEXTS) -> list[Asked]:
    return [
        Asked(f"{n:064}", [{"role": "user", "content": text}], text, seed=n, prompt_most=60)
        for n, text in enumerate(texts)
    ]


def test_an_answer_depends_on_its_request_and_not_on_what_is_answered_beside_it(data: Path) -> None:
    together = answers(data, requests(), generator(batch_size=4))
    for number, one in enumerate(requests()):
        (alone,) = answers(data, [one], generator(batch_size=1), f"{number}.db")
        assert alone.text == together[number].text
    assert len({one.text for one in together}) == len(together)
    again = [Asked(one.digest, one.messages, one.text, one.seed + 9, 60) for one in requests()]
    others = answers(data, again, generator(batch_size=4), "others.db")
    assert [one.text for one in others] != [one.text for one in together]


def test_what_is_drawn_has_the_probabilities_of_the_model() -> None:
    """10,000 seeds, at a temperature, within five standard errors."""
    logits = torch.tensor([1.0, 0.0, -1.0, 2.0])
    temperature, rows = 0.7, 10_000
    noise = GumbelNoise(range(rows), temperature, 1.0)
    ids: Any = torch.zeros(rows, 1, dtype=torch.long)
    scores: Any = logits.expand(rows, 4)
    drawn = torch.bincount(noise(ids, scores).argmax(dim=1), minlength=4) / rows
    expected = torch.softmax(logits / temperature, 0)
    bound = 5 * torch.sqrt(expected * (1 - expected) / rows)
    assert bool((torch.abs(drawn - expected) < bound).all())


def test_tokens_outside_of_the_nucleus_are_never_drawn() -> None:
    noise = GumbelNoise(range(2000), 1.0, 0.5)
    ids: Any = torch.zeros(2000, 1, dtype=torch.long)
    scores: Any = torch.tensor([3.0, 0.0, 0.0, 0.0]).expand(2000, 4)
    assert set(noise(ids, scores).argmax(dim=1).tolist()) == {0}


def test_an_answer_says_how_long_it_is_and_why_it_ended(data: Path) -> None:
    for one in answers(data, requests(), generator()):
        assert one.completion_tokens is not None
        assert one.completion_tokens <= 12
        assert one.finish_reason == ("length" if one.completion_tokens == 12 else "stop")
        assert one.reported_model.startswith("sha256:")
        assert one.prompt_tokens


def test_the_budget_ends_it_and_what_was_written_stays(data: Path) -> None:
    used = generator(batch_size=1, budget=SpendingLimit(tokens=160))
    with pytest.raises(AlignmentError, match=r"source 'written': .*budget\.tokens"):
        answers(data, requests(TEXTS * 4), used)
    with AnswerStore(data / "a.db") as kept:
        assert 0 < len(kept.answered(one.digest for one in requests(TEXTS * 4))) < 16
        assert kept.spent("written").tokens <= 160


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"api": "chat"}, "has no chat template"),
        ({"max_tokens": 4000}, "are more than its context of"),
        ({"path": "nothing"}, "there is no folder"),
    ],
)
def test_a_checkpoint_that_cannot_write_is_named(
    data: Path, broken: dict[str, Any], said: str
) -> None:
    with pytest.raises(AlignmentError, match=said):
        answers(data, requests(), generator(**broken))


def test_a_chat_template_is_used_where_there_is_one(data: Path) -> None:
    template = "{% for m in messages %}the {{ m['content'] }}{% endfor %} night"
    change(data / "writer" / "tokenizer_config.json", chat_template=template)
    (chat,) = answers(data, requests(("keeper",)), generator(api="chat"))
    (text,) = answers(data, requests(("the keeper night",)), generator(), "text.db")
    assert chat.text == text.text
