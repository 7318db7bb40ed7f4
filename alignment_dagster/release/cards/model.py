"""The model card of a recipe, or of one of its checkpoints, as the Hugging Face Hub reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from alignment_dagster.lineage.base import recorded_base
from alignment_dagster.release.cards import sections
from alignment_dagster.release.cards.facts import Facts, Replicate
from alignment_dagster.release.cards.markdown import Code, bullets, code, front_matter, table, text
from alignment_dagster.release.cards.numbers import STAGES, answered, attacked, bounded
from alignment_dagster.release.cards.results import results
from alignment_dagster.report.results import ResultRow
from alignment_dagster.study import ATTACK_SUCCESS


def model_card(
    facts: Facts, recipe: str, seed: int | None = None, stages: Sequence[str] = STAGES
) -> str:
    """A recipe's card, pooled over its seeds; of one checkpoint with a seed and a stage."""
    replicates = [
        one for one in facts.replicates if one.recipe == recipe and seed in (None, one.seed)
    ]
    made = [stage for stage in stages if any(stage in one.stages for one in replicates)]
    name = "-".join([facts.study, recipe, *([f"seed-{seed}"] if seed is not None else [])])
    lines = [
        f"# {text(name)}",
        "",
        text(str(facts.declared["description"])),
        "",
        f"Recipe {code(recipe)}: {text(str(facts.mix(recipe).recipe['description']))}",
        "",
        *sections.origin(facts),
        *_checkpoints(replicates, made),
        *_model(replicates[0]),
        *sections.training_data(facts, recipe),
        *_training(replicates, made),
        *results(facts, recipe, seed, made),
        *sections.claims(facts, recipe),
        *sections.limits(facts),
        "Neither a licence of the weights nor a use they are meant for is declared. The data that "
        "they were made from, with their licences, are listed above.",
        "",
        *sections.environment(facts),
    ]
    return front_matter(_metadata(facts, recipe, seed, made, name)) + "\n".join(lines)


def _metadata(
    facts: Facts, recipe: str, seed: int | None, stages: Sequence[str], name: str
) -> dict[str, Any]:
    return {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "license": "unknown",
        "tags": ["alignment-dagster", facts.study, recipe],
        **_base_model(facts),
        "datasets": [f"{facts.study}-corpus"],
        "model-index": [
            entry
            for stage in stages
            for entry in eval_results_to_model_index(
                f"{name}-{stage}",
                [
                    _result(facts, row)
                    for row in (
                        *answered(facts, recipe, seed, stage),
                        *attacked(facts, recipe, seed, [stage]),
                    )
                ],
            )
        ],
    }


def _base_model(facts: Facts) -> dict[str, str]:
    """As the hub names what a model was trained from; what lies elsewhere it does not know."""
    base = recorded_base(facts.replicates[0].base)
    return {"base_model": base.declared.hub} if base and base.declared.hub else {}


def _result(facts: Facts, row: ResultRow) -> EvalResult:
    bounds = {"ci_low": row.ci_low, "ci_high": row.ci_high} if bounded(row) else {}
    return EvalResult(
        task_type="text-generation",
        dataset_name=row.suite,
        dataset_type=f"{facts.study}/{row.suite}",
        dataset_config=f"attack-{row.prompt}" if row.metric == ATTACK_SUCCESS else row.prompt,
        dataset_revision=facts.report.provenance.inputs.external_inputs.get(row.suite),
        metric_type=row.metric,
        metric_name=row.metric,
        metric_value=row.value,
        metric_args={"stage": row.stage, **bounds, "n": row.n, "seeds": row.seeds},
    )


def _checkpoints(replicates: Sequence[Replicate], stages: Sequence[str]) -> list[str]:
    rows = [
        (
            one.seed,
            stage,
            Code(artifact.label),
            Code(artifact.manifest.files[f"{folder}/model.safetensors"]),
        )
        for one in replicates
        for stage, (artifact, folder) in one.stages.items()
        if stage in stages
    ]
    columns = ("seed", "stage", "artifact", "SHA-256 of model.safetensors")
    return ["## Checkpoints", "", *table(columns, rows)]


def _model(one: Replicate) -> list[str]:
    declared, measured = one.base.provenance.declared, one.base.provenance.measured
    shape = {name: value for name, value in declared.get("model", {}).items() if value is not None}
    if tuned := shape.pop("tuned_at", None):
        shape["learning rate tuned at"] = f"width {tuned['width']}, {tuned['layers']} layers"
    base = recorded_base(one.base)
    origin = (
        {} if base is None else {"goes on from": Code(base.place), "its SHA-256": Code(base.digest)}
    )
    return [
        "## Model",
        "",
        *bullets(
            {
                **origin,
                "architecture": Code(", ".join(one.config["architectures"])),
                "vocabulary": int(one.config["vocab_size"]),
                "parameters": int(measured["parameters"]),
                **shape,
                "context length": declared["sequence_length"],
            }
        ),
    ]


def _training(replicates: Sequence[Replicate], stages: Sequence[str]) -> list[str]:
    first = replicates[0]
    settings = [
        ("pretraining", name, value)
        for name, value in first.base.provenance.declared["pretraining"].items()
    ]
    if first.post:
        trained = first.post.provenance.declared["post_training"]
        parts = {stage: trained[stage] for stage in stages if stage in trained}
        settings += [
            (stage, name, value)
            for stage, values in parts.items()
            for name, value in (values or {}).items()
        ]
    rows = [
        (stage, Code(name), "all" if value is None else str(value))
        for stage, name, value in settings
    ]
    return [
        "## Training",
        "",
        *table(("stage", "setting", "value"), rows),
        *_measured(replicates, stages),
    ]


def _measured(replicates: Sequence[Replicate], stages: Sequence[str]) -> list[str]:
    """Tokens, last loss and time of each replicate, as they were measured."""
    rows = []
    for one in replicates:
        for stage, (artifact, _) in one.stages.items():
            if stage in stages:
                found: Mapping[str, Any] = artifact.provenance.measured
                names = (
                    ("tokens", "final_loss", "training_seconds")
                    if stage == "base"
                    else (f"{stage}_tokens", f"{stage}_final_loss", f"{stage}_seconds")
                )
                tokens, loss, seconds = (found.get(name) for name in names)
                rows.append((one.seed, stage, int(tokens or 0), loss, seconds))
    return table(("seed", "stage", "tokens", "last loss", "seconds"), rows)
