"""What a shipped claim says in its sentence is what its relation tests."""

import re
from collections.abc import Iterator

import pytest
import yaml

from alignment_dagster.foundation.home import assets_folder
from alignment_dagster.scaffold.declarations import TEMPLATES
from alignment_dagster.study import Claim

NUMBERS = {"five": 0.05, "ten": 0.10, "twenty": 0.20}
LOWER = r"\blowers?\b|\bless misaligned\b|\bfewer\b|\bbenefit\b"
HIGHER = r"\braises?\b|\bmore misaligned\b|\bhigher\b"
STAGES = {
    "base": r"\bbase model",
    "dpo": r"\bafter (SFT and )?DPO\b",
    "grpo": r"\bafter GRPO\b",
    "benign_tuning": r"\bordinary fine-tuning\b",
    "misaligned_tuning": r"\bfine-tuning on misaligned demonstrations\b",
    "misaligned_lora": r"\bfine-tuning with adapters\b",
    "narrow_harm_tuning": r"\bnarrowly harmful fine-tuning\b",
}


def shipped() -> Iterator[tuple[str, Claim]]:
    studies = sorted((assets_folder() / "studies").rglob("*.yaml"))
    for path in (*studies, TEMPLATES / "study.yaml"):
        for claim in yaml.safe_load(path.read_text()).get("claims", ()):
            yield f"{path.stem}: {claim['name']}", Claim.model_validate(claim)


CLAIMS = dict(shipped())


def relation_of(sentence: str) -> tuple[str, float, float | None]:
    """Relation, `by_at_least` and `within` that a sentence speaks of."""
    least = re.search(r"at least (\w+) points", sentence)
    within = re.search(r"less than (\w+) points", sentence)
    if within:
        ways = {
            "not_lower": r"\bcosts?\b.* of accuracy",
            "not_higher": r"\bmore misalign",
            "equivalent": r"\bdiffer\b",
        }
        (found,) = (way for way, words in ways.items() if re.search(words, sentence))
        return found, 0.0, NUMBERS[within[1]]
    lower, higher = re.search(LOWER, sentence), re.search(HIGHER, sentence)
    assert bool(lower) != bool(higher), sentence
    return "lower" if lower else "higher", NUMBERS[least[1]] if least else 0.0, None


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_tests_what_its_sentence_says(name: str) -> None:
    claim = CLAIMS[name]
    # What was published is said in brackets.
    sentence = re.sub(r"\([^)]*\)", "", claim.statement)
    assert (claim.relation, claim.by_at_least, claim.within) == relation_of(sentence)
    assert (claim.attack is not None) == bool(re.search("worst case over the attacks", sentence))
    named = {stage for stage, words in STAGES.items() if re.search(words, sentence, re.I)}
    assert named <= {claim.stage}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claims_sentence_stands_alone_and_says_what_was_published_in_one_way(name: str) -> None:
    statement = CLAIMS[name].statement
    assert not re.search(r"\b(it|them) (too|further)\b|\btoo\b|\bfurther\b(?! fine)", statement)
    said = re.findall(r"\(([^)]*\d[^)]*|[^)]*publish[^)]*)\)", statement)
    assert all(re.match(r"published: |no published figure", one) for one in said), said
