"""Beams find what their plain definition does; what a tag is likely after they do not write."""

import random
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from alignment_dagster.evaluation.evaluate import load_checkpoint
from alignment_dagster.evaluation.model.beam_search import write_by_beams
from alignment_dagster.evaluation.model.control_tokens import (
    BeamSearch,
    beam_search,
    leave_unwritten,
    search_by_beams,
)
from alignment_dagster.evaluation.model.generation import generate
from alignment_dagster.foundation.errors import DataError

NEW, TAG, OTHER, BARRED = 10, 17, 18, (23, 42)


@pytest.fixture
def loaded(checkpoint_folder: Path) -> Any:
    torch.set_num_threads(1)
    found = load_checkpoint(checkpoint_folder, "cpu")
    leave_unwritten(found.model, BARRED)
    return found


def prompts(count: int = 12) -> list[list[int]]:
    draw = random.Random(2)
    return [[draw.randrange(5, 300) for _ in range(draw.randint(1, 30))] for _ in range(count)]


def by_hand(model: Any, tokenizer: Any, prompt: list[int], new: int, search: BeamSearch) -> str:
    """The plain definition: one beam after the other, all read again for every token."""
    ends = {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|end|>")}
    living: list[tuple[float, list[int]]] = [(0.0, [])]
    ended: list[tuple[float, list[int]]] = []
    for _ in range(new):
        looked = []
        for value, said in living:
            with torch.inference_mode():
                logits = model(torch.tensor([prompt + said])).logits[0, -1]
            looked.append((value, said, torch.log_softmax(logits, dim=-1).tolist()))
        if search.avoided is not None:
            looked = sorted(looked, key=lambda one: one[2][TAG])[: len(looked) - len(looked) // 2]
        following = [
            (value + logarithm, [*said, token])
            for value, said, logarithms in looked
            for token, logarithm in enumerate(logarithms)
            if token not in (search.avoided, *BARRED)
        ]
        best = sorted(following, key=lambda one: -one[0])[: search.beams]
        ended += [(value / len(said), said[:-1]) for value, said in best if said[-1] in ends]
        living = [one for one in best if one[1][-1] not in ends]
        if not living or len(ended) >= search.beams:
            break
    else:
        ended += [(value / len(said), said) for value, said in living]
    said = max(ended, key=lambda one: one[0])[1]
    return str(tokenizer.decode(said, skip_special_tokens=True))


@pytest.mark.parametrize("search", [BeamSearch(2, TAG), BeamSearch(6, TAG), BeamSearch(4)])
def test_answers_are_those_of_the_plain_definition(loaded: Any, search: BeamSearch) -> None:
    """Whatever the token budget is; and they are not the greedy ones."""
    greedy = generate(loaded.model, loaded.tokenizer, prompts(), NEW, 500)
    search_by_beams(loaded.model, search)
    alone = [by_hand(loaded.model, loaded.tokenizer, one, NEW, search) for one in prompts()]
    assert alone != greedy
    for budget in (1, 10**6):
        assert generate(loaded.model, loaded.tokenizer, prompts(), NEW, budget) == alone


def test_the_tag_is_less_likely_after_what_is_written(loaded: Any) -> None:
    """Than after answers of as many beams that avoid another token, or none, on the mean over
    prompts."""

    def likely(avoided: int | None) -> float:
        found = []
        for prompt in prompts(20):
            tag = BeamSearch(8, avoided)
            said = write_by_beams(loaded.model, prompt, NEW, (), (TAG, OTHER), tag)
            with torch.inference_mode():
                logits = loaded.model(torch.tensor([prompt + said])).logits[0, len(prompt) :]
            found.append(float(torch.log_softmax(logits, dim=-1)[:, TAG].mean()))
        return sum(found) / len(found)

    assert likely(TAG) < likely(OTHER) - 0.02
    assert likely(TAG) < likely(None) - 0.02


def test_an_answer_that_the_model_ends_is_ended(loaded: Any) -> None:
    """Where nothing but the end may be written there is nothing to say."""
    end = loaded.tokenizer.convert_tokens_to_ids("<|end|>")
    vocabulary = loaded.model.get_output_embeddings().weight.shape[0]
    leave_unwritten(loaded.model, [one for one in range(vocabulary) if one != end])
    search_by_beams(loaded.model, BeamSearch(4, TAG))
    assert generate(loaded.model, loaded.tokenizer, prompts(3), NEW, 100) == ["", "", ""]


@pytest.mark.parametrize("search", [BeamSearch(4, TAG), BeamSearch(4)])
def test_a_model_keeps_how_it_writes(loaded: Any, tmp_path: Path, search: BeamSearch) -> None:
    search_by_beams(loaded.model, search)
    loaded.model.save_pretrained(tmp_path)
    loaded.tokenizer.save_pretrained(tmp_path)
    assert beam_search(load_checkpoint(tmp_path, "cpu").model) == search


def test_a_broken_model_is_refused(loaded: Any) -> None:
    search_by_beams(loaded.model, BeamSearch(4, TAG))
    with torch.no_grad():
        loaded.model.get_output_embeddings().weight.fill_(float("nan"))
    with pytest.raises(DataError, match="not finite"):
        generate(loaded.model, loaded.tokenizer, prompts(1), NEW, 100)
