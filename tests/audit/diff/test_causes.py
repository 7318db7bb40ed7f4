"""What differs of itself is told from what follows, and from what reached no measurement.

Chains are made by hand, as the runner makes them: what has the same inputs is used again.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.audit.diff.artifact_pairs import pair_artifacts
from alignment_dagster.audit.diff.causes import Causes, find_causes
from alignment_dagster.audit.diff.comparison import Comparison
from alignment_dagster.audit.diff.documents import DocumentChanges
from alignment_dagster.audit.diff.numbers import NumberChanges
from alignment_dagster.audit.diff.side import Side
from alignment_dagster.audit.diff.verdict import find_sole_cause, list_warnings, write_sentences
from alignment_dagster.foundation.digests import sha256_json
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage.archive import Archive
from alignment_dagster.lineage.journal_lines import NewEntry
from alignment_dagster.lineage.lake import Artifact, Lake
from alignment_dagster.lineage.manifest import Manifest
from alignment_dagster.lineage.provenance import Inputs, Provenance

STUDY = "small"
SEEDS = (0, 1)


@dataclass(frozen=True)
class World:
    """What a study is made from: a test changes a field or two."""

    shares: Mapping[str, float] = field(default_factory=lambda: {"a": 0.2, "b": 0.2})
    drop: float = 0.5
    rate: float = 0.1
    claims: tuple[str, ...] = ("first",)
    stories: str = "s1"
    pin: str | None = None
    lexicon: str = "1:l1"
    items: str = "i1"
    code: Mapping[str, str] = field(default_factory=dict)
    """Asset → its code, where it is another than `c`."""
    same_bytes: frozenset[str] = frozenset()
    """Assets whose bytes do not depend on their code."""
    stages: Mapping[str, int] = field(default_factory=dict)
    """Recipe with a trunk → tokens of a sequence of its own stage; the study's has 64."""
    torch: str = "2.0"
    luck: str = ""
    """What no record knows of, in the training."""


@dataclass
class Maker:
    """Makes every artifact of a world, or finds it by its inputs."""

    lake: Lake
    world: World
    made: dict[tuple[str, str | None], Artifact] = field(default_factory=dict)

    def run(self) -> Artifact:
        world = self.world
        recipes: list[dict[str, Any]] = [
            {"name": name, "remainder": "natural", "upsample": [{"group": "good", "share": share}]}
            for name, share in world.shares.items()
        ]
        for one in recipes:
            if length := world.stages.get(one["name"]):
                one["trunk"] = {"recipe": "b", "share": 0.5, "sequence_length": length}
        corpus = {"recipes": recipes, "drop": [{"rule": "ai", "above": world.drop}]}
        source = {"name": "stories", "description": "d", "sha256": world.pin}
        self.make("raw_corpus", "stories", source, outside={"source": world.stories})
        self.make(
            "scored_corpus", "stories", {"scorers": ["ai"]}, [("raw_corpus", "stories", None)],
            {"ai": world.lexicon, "contamination": world.items},
        )  # fmt: skip
        self.make("dispositions", None, corpus, [("scored_corpus", "stories", None)])
        for name in world.shares:
            self.replicates(name)
        everything = [(*key, None) for key in self.made if key[0] in ("evaluation", "curated_mix")]
        claims = [{"name": claim} for claim in world.claims]
        self.make(
            "eval_report", None, {"recipes": recipes, "claims": claims},
            everything, {"articles": world.items},
        )  # fmt: skip
        return self.made["eval_report", None]

    def replicates(self, name: str) -> None:
        shares: dict[str, Any] = {"shares": {"good": self.world.shares[name]}}
        stage: dict[str, Any] = {}
        pretraining: dict[str, Any] = {"rate": self.world.rate}
        if length := self.world.stages.get(name):
            shares["mix"] = {"tokens": 1000 // length * length, "sequence_length": length}
            pretraining["batch_size"] = 512 // length
            stage = {"sequence_length": length, **({"context": 64} if length < 64 else {})}
        self.make("curated_mix", name, shares, [("dispositions", None, f"{name}/rows")])
        for seed in SEEDS:
            partition = f"{name}|{seed}"
            self.make(
                "pretrained_checkpoint", partition,
                {"pretraining": pretraining, "seed": seed, **stage},
                [("curated_mix", name, None)],
            )  # fmt: skip
            self.make(
                "evaluation", partition, {"sequence_length": 8},
                [("pretrained_checkpoint", partition, None)], {"articles": self.world.items},
            )  # fmt: skip

    def make(
        self,
        asset: str,
        partition: str | None,
        declared: Mapping[str, Any],
        parents: Sequence[tuple[str, str | None, str | None]] = (),
        outside: Mapping[str, str] | None = None,
    ) -> None:
        inputs = Inputs(
            study=STUDY,
            asset=asset,
            partition=partition,
            declaration=sha256_json(declared),
            code_version=self.world.code.get(asset, "c"),
            parents=tuple(self.made[one[:2]].as_parent(one[2]) for one in parents),
            external_inputs=dict(outside or {}),
        )
        found = None if self.world.luck else self.lake.find(inputs)
        self.made[asset, partition] = found or self.publish(inputs, declared)
        artifact = self.made[asset, partition]
        self.lake.journal(STUDY).append(
            NewEntry(
                asset, partition, artifact.version, artifact.digest, artifact.record, "r", False
            )
        )

    def publish(self, inputs: Inputs, declared: Mapping[str, Any]) -> Artifact:
        with self.lake.staging() as folder:
            for name, content in self.content(inputs, declared).items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(content)
            provenance = Provenance(
                inputs=inputs,
                input_digest=inputs.digest,
                output_digest=Manifest.of(folder).digest,
                code_digest="0" * 64,
                declared=dict(declared),
                environment={"python": "3", "torch": self.world.torch},
                git={"commit": "0" * 40, "dirty": "false"},
                dagster_run_id=None,
                mlflow_run_id=None,
                started="2026-01-01T00:00:00+00:00",
                seconds=0.0,
                measured={},
                models={},
                checks=(),
            )
            return self.lake.publish(folder, provenance)

    def content(self, inputs: Inputs, declared: Mapping[str, Any]) -> dict[str, str]:
        """Bytes that depend on the inputs; of dispositions, each recipe's on its own part."""
        given = inputs.model_dump(mode="json")
        for parent in given["parents"]:
            del parent["version"]
        if inputs.asset in self.world.same_bytes:
            del given["code_version"]
        if inputs.asset == "pretrained_checkpoint":
            given["torch"], given["luck"] = self.world.torch, self.world.luck
        if inputs.asset == "raw_corpus":
            given = given["external_inputs"]
        if inputs.asset != "dispositions":
            return {"rows": sha256_json(given)}
        common = [given["code_version"], given["parents"], declared["drop"]]
        return {f"{one['name']}/rows": sha256_json([common, one]) for one in declared["recipes"]}


@dataclass(frozen=True)
class Lab:
    """Two or more worlds in one lake."""

    lake: Lake

    def report(self, world: World) -> Artifact:
        return Maker(self.lake, world).run()

    def compare(self, before: Artifact, after: Artifact) -> Comparison:
        archive = Archive(self.lake, STUDY)
        sides = Side(archive, "before", before), Side(archive, "after", after)
        return Comparison(
            *sides,
            find_causes(pair_artifacts(*sides), *sides),
            DocumentChanges([], [], [], [], [], []),
            (),
            NumberChanges((), (), (), ((), ()), ()),
        )

    def between(self, before: World, after: World) -> Comparison:
        return self.compare(self.report(before), self.report(after))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lake = Lake(tmp_path / "home" / "lake")
    lake.prepare()
    return Lab(lake)


def reaching(found: Causes) -> list[str]:
    return [one.sentence for one in found.reaching]


def others(found: Causes) -> list[str]:
    return [one.title for one in found.others]


MORE = {"a": 0.3, "b": 0.2}
SHARE = "recipes.a.upsample[good].share: 0.2 → 0.3"


def test_the_same_world_differs_in_nothing(lab: Lab) -> None:
    found = lab.between(World(), World())
    assert found.is_empty
    assert write_sentences(found) == ["Nothing differs: this is one and the same report."]


def test_one_share_is_one_cause_wherever_it_is_declared(lab: Lab) -> None:
    found = lab.between(World(), World(shares=MORE))
    assert reaching(found.causes) == [SHARE]
    assert others(found.causes) == []
    (cause,) = found.causes.reaching
    assert {key[0] for key in cause.where} == {"dispositions", "curated_mix", "eval_report"}
    assert (found.causes.moved, found.causes.measurements) == (2, 4)
    assert "attributable to it" in write_sentences(found)[0]
    assert find_sole_cause(found) == "recipes.a.upsample[good].share"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"code": {"pretrained_checkpoint": "C"}}, "code of pretrained_checkpoint: c → C"),
        ({"rate": 0.2}, "pretraining.rate: 0.1 → 0.2"),
        ({"stories": "s2"}, "data of source stories: s1 → s2"),
        ({"lexicon": "2:l1"}, "code of scored_corpus: ai 1 → ai 2"),
        ({"lexicon": "1:l2"}, "what the scorer ai reads: l1 → l2"),
        ({"drop": 0.4}, "drop[ai].above: 0.5 → 0.4"),
        ({"items": "i2"}, "items of suite articles: i1 → i2"),
    ],
)
def test_each_kind_of_change_is_found_and_a_second_one_ends_the_attribution(
    lab: Lab, changed: dict[str, Any], said: str
) -> None:
    first = lab.report(World())
    alone = lab.compare(first, lab.report(World(**changed)))
    assert reaching(alone.causes) == [said]
    assert "attributable to it" in write_sentences(alone)[0]
    both = lab.compare(first, lab.report(World(**changed, shares=MORE)))
    assert set(reaching(both.causes)) == {said, SHARE}
    assert "cannot" not in write_sentences(alone)[0]
    assert "No change can be attributed to one of them" in write_sentences(both)[0]
    assert "attributable" not in write_sentences(both)[0]
    assert find_sole_cause(both) is None


def test_another_length_of_a_recipe_s_own_stage_is_named_as_the_recipe_declares_it(
    lab: Lab,
) -> None:
    """Its mix and model record the length, the batch that follows from it, and the context."""
    found = lab.between(World(stages={"a": 64}), World(stages={"a": 32}))
    assert reaching(found.causes) == ["recipes.a.trunk.sequence_length: 64 → 32"]
    assert others(found.causes) == []
    (cause,) = found.causes.reaching
    assert {"curated_mix", "pretrained_checkpoint"} <= {key[0] for key in cause.where}
    faster = World(stages={"a": 32}, rate=0.2)
    both = reaching(lab.between(World(stages={"a": 64}), faster).causes)
    assert set(both) == {"recipes.a.trunk.sequence_length: 64 → 32", "pretraining.rate: 0.1 → 0.2"}
    report = lab.report(World(stages={"a": 32, "b": 64}))
    archive = Archive(lab.lake, STUDY)
    sides = Side(archive, "b", report, "b"), Side(archive, "a", report, "a")
    alone = find_causes(pair_artifacts(*sides), *sides)
    assert reaching(alone) == ["recipe.trunk.sequence_length: 64 → 32"]


def test_code_that_gave_the_same_bytes_is_no_cause(lab: Lab) -> None:
    clean = frozenset({"scored_corpus"})
    before = lab.report(World(same_bytes=clean))
    found = lab.compare(
        before, lab.report(World(shares=MORE, same_bytes=clean, code={"scored_corpus": "C"}))
    )
    assert reaching(found.causes) == [SHARE]
    assert others(found.causes) == ["code of scored_corpus"]
    assert "attributable to it" in write_sentences(found)[0]
    assert "cannot have moved them" in write_sentences(found)[1]


def test_what_only_the_page_says_is_no_cause(lab: Lab) -> None:
    found = lab.between(World(), World(shares=MORE, claims=("first", "second")))
    assert reaching(found.causes) == [SHARE]
    assert others(found.causes) == ["claims.second"]


def test_a_claim_alone_moved_nothing(lab: Lab) -> None:
    found = lab.between(World(), World(claims=()))
    assert found.causes.moved == 0
    assert "moved no number" in write_sentences(found)[0]


def test_a_pin_that_follows_its_data_is_no_thing_of_its_own(lab: Lab) -> None:
    found = lab.between(World(pin="p1"), World(pin="p2", stories="s2"))
    assert reaching(found.causes) == ["data of source stories: s1 → s2"]


def test_words_about_a_source_that_change_no_byte_leave_the_report_as_it_is(lab: Lab) -> None:
    assert lab.between(World(pin="p1"), World(pin=None)).is_empty


def test_another_environment_is_a_cause_where_it_gave_other_bytes(lab: Lab) -> None:
    found = lab.between(World(), World(rate=0.2, torch="2.1"))
    assert reaching(found.causes) == [
        "pretraining.rate: 0.1 → 0.2",
        "environment: torch: 2.0 → 2.1",
    ]
    assert find_sole_cause(found) is None


def test_other_bytes_from_the_same_inputs_are_attributed_to_nothing(lab: Lab) -> None:
    found = lab.between(World(), World(luck="other"))
    assert [one.kind for one in found.causes.reaching] == ["unexplained"] * 4
    assert "attributable" not in write_sentences(found)[0]
    assert any("the same inputs gave other bytes" in one for one in list_warnings(found))
    assert find_sole_cause(found) is None


def test_what_was_not_made_again_does_not_bring_back_an_older_change(lab: Lab) -> None:
    """Recipe b kept its parents when recipe a changed; only the bound changed afterwards."""
    lab.report(World())
    second = lab.report(World(shares=MORE))
    found = lab.compare(second, lab.report(World(shares=MORE, drop=0.4)))
    assert reaching(found.causes) == ["drop[ai].above: 0.5 → 0.4"]
    assert "attributable to it" in write_sentences(found)[0]


def test_two_fields_of_one_thing_are_that_thing_as_a_whole(lab: Lab) -> None:
    code = {"pretrained_checkpoint": "C", "evaluation": "C2"}
    found = lab.between(World(), World(code=code))
    assert "to it as a whole" in write_sentences(found)[0]
    assert find_sole_cause(found) is None


def test_the_same_code_in_several_assets_is_one_thing(lab: Lab) -> None:
    found = lab.between(World(), World(code={"pretrained_checkpoint": "C", "evaluation": "C"}))
    assert reaching(found.causes) == ["code of pretrained_checkpoint, evaluation: c → C"]


def test_recipes_differ_by_their_declaration_alone(lab: Lab) -> None:
    report = lab.report(World(shares=MORE))
    archive = Archive(lab.lake, STUDY)
    sides = Side(archive, "b", report, "b"), Side(archive, "a", report, "a")
    found = find_causes(pair_artifacts(*sides), *sides)
    assert reaching(found) == ["recipe.upsample[good].share: 0.2 → 0.3"]
    assert found.moved == found.measurements == len(SEEDS)


def test_going_back_is_said(lab: Lab) -> None:
    first, second = lab.report(World()), lab.report(World(shares=MORE))
    assert not any("going back" in one for one in list_warnings(lab.compare(first, second)))
    assert any("going back" in one for one in list_warnings(lab.compare(second, first)))


def test_an_ancestor_that_was_removed_is_named(lab: Lab) -> None:
    first, second = lab.report(World()), lab.report(World(stories="s2"))
    archive = Archive(lab.lake, STUDY)
    gone = next(one for one in archive.ancestors([first]) if one.asset == "raw_corpus")
    shutil.rmtree(gone.path)
    with pytest.raises(ArtifactError, match=re.escape(f"{gone.label}: is not in the lake")):
        lab.compare(first, second)
