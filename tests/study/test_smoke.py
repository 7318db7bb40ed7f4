"""A smoke run is a small study of its own, which nobody takes for the study."""

from pathlib import Path

import pytest

from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.preflight.studies import load_studies, load_study
from alignment_dagster.study import GeneratedReader
from alignment_dagster.study.smoke import WARNING
from tests.support.checkout import CHECKOUT
from tests.support.tiny_study import MEASURED, NAME, TinyStudy

ASSETS = CHECKOUT / "assets"


@pytest.mark.parametrize("name", ["quickstart", "nightly", "durability"])
def test_it_is_a_tenth_of_the_study_under_its_own_name(name: str) -> None:
    whole, smoke = load_study(name, ASSETS), load_study(f"{name}_smoke", ASSETS)
    assert smoke.name == f"{name}_smoke"
    assert smoke.declaration.seeds == whole.declaration.seeds[:1]
    assert smoke.declaration.mix.tokens * 10 == whole.declaration.mix.tokens
    assert [one.name for one in smoke.recipes] == [one.name for one in whole.recipes]
    for small, large in zip(smoke.sources, whole.sources, strict=True):
        if isinstance(small.reader, GeneratedReader) and isinstance(large.reader, GeneratedReader):
            assert small.reader.documents * 10 == large.reader.documents
    for suite, large_suite in zip(smoke.suites, whole.suites, strict=True):
        items = len(load_suite(suite, ASSETS))
        assert 0 < items <= 10
        assert items < len(load_suite(large_suite, ASSETS))


def test_whoever_reads_of_it_reads_that_it_is_one() -> None:
    smoke = load_study("quickstart_smoke", ASSETS).declaration
    assert smoke.description.startswith(WARNING)
    assert smoke.limits[0] == WARNING


def test_nothing_starts_it_by_itself() -> None:
    assert load_study("nightly", ASSETS).declaration.refresh is not None
    assert load_study("nightly_smoke", ASSETS).declaration.refresh is None
    assert not [one.name for one in load_studies(ASSETS) if one.name.endswith("_smoke")]


def test_there_is_enough_of_the_smallest_study(tiny: TinyStudy) -> None:
    """At least one step of everything, one item, one example a batch."""
    tiny.change(**MEASURED)
    smoke = load_study(f"{NAME}_smoke", tiny.assets).declaration
    step = smoke.mix.sequence_length * smoke.pretraining.batch_size
    assert smoke.mix.tokens >= step
    assert smoke.post_training.sft.examples == 50
    assert smoke.attacks is not None
    assert smoke.attacks.items == 1
    assert [one.steps for one in smoke.tampering] == [1]


def test_a_study_that_is_called_like_one_is_refused(tiny: TinyStudy) -> None:
    path: Path = tiny.assets / "studies" / f"{NAME}.yaml"
    text = path.read_text().replace(f"name: {NAME}", f"name: {NAME}2_smoke", 1)
    path.with_name(f"{NAME}2_smoke.yaml").write_text(text)
    with pytest.raises(DeclarationError, match=r"name: the names that end in '_smoke' are those"):
        load_study(f"{NAME}2_smoke", tiny.assets)
    with pytest.raises(DeclarationError, match="there is no study 'other_smoke'"):
        load_study("other_smoke", tiny.assets)
