"""The models of a BOM: a component for each checkpoint, and what each was made from."""

from collections.abc import Iterator
from typing import Any

from alignment_dagster.chain import CLASSIFIER
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage.base import UNKNOWN_READING, recorded_base
from alignment_dagster.lineage.lake import Artifact, label
from alignment_dagster.release.cards.bom_parts import component, digest, properties
from alignment_dagster.release.cards.facts import Facts, Replicate
from alignment_dagster.release.cards.numbers import answered, attacked, bounded
from alignment_dagster.report.results import ResultRow

APPROACHES = {
    "base": "self-supervised",
    "sft": "supervised",
    "dpo": "supervised",
    "grpo": "reinforcement-learning",
}
"""CycloneDX knows no learning from preferences; DPO's pairs are labelled."""
LEARNT_FROM = {"sft": "chat", "dpo": "preferences", "grpo": "chat"}
"""Stage → the role of its sources."""

Json = dict[str, Any]


def models(facts: Facts) -> Iterator[Json]:
    """Every stage of every replicate."""
    for one in facts.replicates:
        for stage, (artifact, folder) in one.stages.items():
            provenance = artifact.provenance
            yield {
                **component("machine-learning-model", name(facts, one, stage), ref(artifact, stage),
                            artifact.version),
                "hashes": digest(artifact.manifest.files[f"{folder}/model.safetensors"]),
                **(_pedigree(artifact) if stage == "base" else {}),
                "modelCard": _card(facts, one, stage),
                "properties": properties(
                    {
                        "artifact": artifact.label,
                        "manifest:sha256": artifact.digest,
                        "record:sha256": artifact.record,
                        "seed": one.seed,
                        "parameters": int(one.base.provenance.measured["parameters"]),
                        **_settings(provenance.declared, stage),
                        **(_reward(artifact) if stage == "grpo" else {}),
                    }
                ),
            }  # fmt: skip


def _reward(artifact: Artifact) -> Json:
    """The classifier that a reward is of; nothing where it is a scorer's."""
    found = [one for one in artifact.provenance.inputs.parents if one.asset == CLASSIFIER]
    names = [label(one.asset, one.partition, one.version) for one in found]
    return {"grpo:classifier": names[0]} if names else {}


def _pedigree(artifact: Artifact) -> Json:
    """The checkpoint that was trained elsewhere and gone on from."""
    base = recorded_base(artifact)
    if base is None:
        return {}
    place = visible(base.place)
    ancestor = {
        "type": "machine-learning-model",
        "name": place,
        "version": base.declared.revision or base.digest[:16],
        "description": f"{UNKNOWN_READING[0].upper()}{UNKNOWN_READING[1:]}.",
        "properties": properties({"files:sha256": base.digest}),
    }
    return {"pedigree": {"ancestors": [ancestor]}}


def name(facts: Facts, one: Replicate, stage: str) -> str:
    """`study/recipe/seed-0/dpo`."""
    return f"{facts.study}/{one.recipe}/seed-{one.seed}/{stage}"


def ref(artifact: Artifact, stage: str) -> str:
    """How the BOM refers to a checkpoint."""
    return f"{artifact.label}#{stage}"


def _settings(declared: Json, stage: str) -> Json:
    """What was declared of the stage: model and pretraining, or one kind of post-training."""
    trained = declared.get("post_training", {}).get(stage) if stage != "base" else None
    chosen = {"pretraining": declared.get("pretraining"), "model": declared.get("model")}
    parts = chosen if stage == "base" else {stage: trained}
    return {
        f"{part}:{setting}": value
        for part, values in parts.items()
        for setting, value in (values or {}).items()
    }


def _card(facts: Facts, one: Replicate, stage: str) -> Json:
    config = one.config
    limits = [visible(str(limit)) for limit in facts.declared["limits"]]
    rows = [
        row
        for seed in (one.seed, None)
        for row in (
            *answered(facts, one.recipe, seed, stage),
            *attacked(facts, one.recipe, seed, [stage]),
        )
    ]
    return {
        "modelParameters": {
            "approach": {"type": APPROACHES[stage]},
            "task": "text-generation",
            "architectureFamily": str(config["model_type"]),
            "modelArchitecture": ", ".join(config["architectures"]),
            "datasets": [{"ref": data} for data in made_from(facts, one, stage)[1]],
            "inputs": [{"format": "text"}],
            "outputs": [{"format": "text"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": [_metric(row) for row in rows]},
        **({"considerations": {"technicalLimitations": limits}} if limits else {}),
    }


def _metric(row: ResultRow) -> Json:
    """Numbers as they stand in the results; their texts read back to the same numbers."""
    over = f"all {row.seeds} seeds" if row.seed is None else f"seed {row.seed}"
    bounds = {"lowerBound": repr(row.ci_low), "upperBound": repr(row.ci_high)}
    return {
        "type": row.metric,
        "value": repr(row.value),
        "slice": f"{row.suite}, prompt {row.prompt}, {over}, n {row.n}",
        **({"confidenceInterval": bounds} if bounded(row) else {}),
    }


def made_from(facts: Facts, one: Replicate, stage: str) -> tuple[str | None, list[str]]:
    """The model before, and the data of this stage, as the BOM refers to them."""
    if stage == "base":
        trunk = facts.mix(one.recipe).recipe.get("trunk")
        recipes = [*([trunk["recipe"]] if trunk else []), one.recipe]
        return None, [facts.mix(name).artifact.label for name in recipes]
    stages = list(one.stages)
    before = stages[stages.index(stage) - 1]
    roles = {source.artifact.label: source.declared["role"] for source in facts.sources}
    artifact = one.stages[stage][0]
    read = [
        label(parent.asset, parent.partition, parent.version)
        for parent in artifact.provenance.inputs.parents
    ]
    data = [data for data in dict.fromkeys(read) if roles.get(data) == LEARNT_FROM[stage]]
    declared = artifact.provenance.declared
    tuned, asked = {part["source"] for part in declared.get("fine_tune", ())}, declared.get("ask")
    named = {source.artifact.label: source.name for source in facts.sources}
    if stage == "sft":
        data = [one for one in data if named[one] != asked or asked in tuned]
    elif stage == "grpo":
        # where a recipe names none, the questions are those of all
        data = [one for one in data if named[one] == asked or not (asked or named[one] in tuned)]
    return ref(one.stages[before][0], before), data


def dependencies(facts: Facts) -> list[Json]:
    """Which model was made from which, and from which data."""
    found = []
    for one in facts.replicates:
        for stage, (artifact, _) in one.stages.items():
            before, data = made_from(facts, one, stage)
            on = [*([before] if before else []), *data]
            found.append({"ref": ref(artifact, stage), "dependsOn": on})
    for mix in facts.mixes:
        inside = {part["source"] for part in mix.parts}
        on = [source.artifact.label for source in facts.sources if source.name in inside]
        found.append({"ref": mix.artifact.label, "dependsOn": on})
    return found
