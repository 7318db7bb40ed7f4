"""A model goes on from a trunk that was made from what the model is made from."""

from pathlib import Path

import pytest

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.graph.parent_spec import Parents, ParentSpec
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.steps.pretrained_checkpoint import find_trunk, is_alike
from tests.support import record_lake
from tests.support.tiny_study import RECIPES, TREATED, TinyStudy

STATE = {"states/00000002/tensors.safetensors": b"weights"}


def parents_of(*found: Artifact) -> Parents:
    return Parents(tuple((ParentSpec(one.asset, one.partition), one) for one in found))


@pytest.mark.parametrize(
    ("asset", "partition", "refused"),
    [("tokenizer", None, True), ("curated_mix", "plain", True), ("curated_mix", "branch", False)],
)
def test_a_trunk_of_another_vocabulary_or_of_an_earlier_mix_is_refused(
    tmp_path: Path, asset: str, partition: str | None, *, refused: bool
) -> None:
    lake = record_lake.make(tmp_path)
    then = [
        record_lake.publish(lake, "tokenizer", None),
        record_lake.publish(lake, "curated_mix", "plain"),
    ]
    trunk = record_lake.publish(lake, "trunk_checkpoint", "plain|0", STATE, then)
    assert find_trunk(parents_of(*then, trunk)) == trunk
    now = record_lake.publish(lake, asset, partition, {"rows": b"other"}, declaration="other")
    kept = [one for one in then if one.asset != asset]
    if refused:
        with pytest.raises(ArtifactError, match=rf"made from another {asset}.*make it again"):
            find_trunk(parents_of(now, *kept, trunk))
    else:
        assert find_trunk(parents_of(now, *kept, trunk)) == trunk


@pytest.mark.parametrize(
    ("own", "stage", "alike"),
    [
        ({}, {}, True),
        ({}, {"sequence_length": 64}, False),
        ({"treat": TREATED["treat"]}, {}, False),
    ],
)
def test_losses_of_another_objective_treatment_or_length_are_not_those_of_the_trunk(
    tiny: TinyStudy, own: dict[str, object], stage: dict[str, object], *, alike: bool
) -> None:
    trunk = {"recipe": "unfiltered", "share": 0.5, **stage}
    branch = {**RECIPES["unfiltered"], "description": "d", "trunk": trunk, **own}
    tiny.write("recipes/branch", {"name": "branch", **branch})
    tiny.change(recipes=["unfiltered", "branch"])
    assert is_alike(tiny.load(), "branch", "unfiltered") == alike
