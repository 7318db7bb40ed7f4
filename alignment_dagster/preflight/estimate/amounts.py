"""How much more work a declared artifact is than one that was made before."""

from alignment_dagster import chain
from alignment_dagster.evaluation.suites.formats import make_prompts
from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import recipe_of
from alignment_dagster.preflight.estimate.evidence import Earlier
from alignment_dagster.study import Study
from alignment_dagster.study.smoke import smoke_run
from alignment_dagster.study.sources import GeneratedReader
from alignment_dagster.study.synthesis import SyntheticReader


def scaled_seconds(study: Study, asset: str, partition: str | None, before: Earlier) -> float:
    """The seconds of an artifact, from those of one like it.

    What a job needs to begin and end stays as it was; its work grows with examples, steps, prompts
    or tokens.
    """
    if asset == chain.POST_TRAINED_CHECKPOINT:
        return _post_training(study, before)
    work = min(before.seconds, _work_seconds(before))
    return before.seconds - work + work * ratio(study, asset, partition, before)


def _work_seconds(before: Earlier) -> float:
    """Of its seconds those that grow with its work: all, where its job does not say."""
    if before.artifact.asset == chain.TAMPERING:
        names = [one["name"] for one in before.artifact.provenance.declared["tampering"]]
        return sum(before.measured(f"{name}_seconds") or 0.0 for name in names)
    return before.measured("seconds") or before.seconds


def ratio(study: Study, asset: str, partition: str | None, before: Earlier) -> float:
    """How many times the work; 1 where nothing declared says so."""
    then, now = _work_then(study, before), _work_now(study, asset, partition)
    return now / then if then and now else 1.0


def _work_now(study: Study, asset: str, partition: str | None) -> float:
    declared = study.declaration
    if asset == chain.EVALUATION:
        models = 1 + len(declared.post_training.stages)
        return models * sum(_prompts(study, suite.name) for suite in study.asked_suites)
    if asset == chain.TAMPERING:
        return sum(one.steps * one.batch_size for one in declared.tampering)
    if asset == chain.ATTACKS and declared.attacks is not None:
        attacks = declared.attacks
        items = [len(load_suite(study.suite(name), study.assets)) for name in attacks.suites]
        most = attacks.items or max(items)
        asked = sum(min(most, one) for one in items)
        return asked * len(attacks.methods) * len(attacks.stages)
    if asset == chain.CURATED_MIX:
        return study.mix(recipe_of(partition)).tokens
    return _documents(study, asset, partition)


def _work_then(study: Study, before: Earlier) -> float:
    """Of the artifact that was made, in the same unit."""
    artifact = before.artifact
    asset, declared = artifact.asset, artifact.provenance.declared
    if asset == chain.EVALUATION:
        return before.measured("prompts") or 0.0
    if asset == chain.TAMPERING:
        return float(sum(one["steps"] * one["batch_size"] for one in declared["tampering"]))
    if asset == chain.ATTACKS:
        return before.measured("attacks") or 0.0
    if asset == chain.CURATED_MIX:
        return float(declared["mix"]["tokens"])
    return _documents(smoke_run(study) if before.smoke else study, asset, artifact.partition)


def _post_training(study: Study, before: Earlier) -> float:
    """The sum over the stages that there were."""
    declared = study.declaration.post_training.model_dump()
    then = before.artifact.provenance.declared["post_training"]
    stages = _stages(before.artifact, study)
    seconds = {stage: before.measured(f"{stage}_seconds") or 0.0 for stage in stages}
    total = before.seconds - sum(seconds.values())
    for stage in stages:
        kept = before.measured(f"{stage}_kept_documents") or 0.0
        read = before.measured(f"{stage}_examples") or kept
        wanted = declared[stage]["examples"] or kept
        times = declared[stage]["epochs"] / then[stage]["epochs"]
        total += seconds[stage] * times * (wanted / read if read else 1.0)
    return max(0.0, total)


def _stages(artifact: Artifact, study: Study) -> tuple[str, ...]:
    """The stages of post-training that both have."""
    then = artifact.provenance.declared.get("post_training", {})
    return tuple(
        stage for stage in study.declaration.post_training.stages if not then or then.get(stage)
    )


def _prompts(study: Study, suite: str) -> int:
    declared = study.suite(suite)
    return sum(1 for _ in make_prompts(declared, load_suite(declared, study.assets)))


def _documents(study: Study, asset: str, partition: str | None) -> float:
    """Of a source whose number is declared; 0 where only reading it would tell."""
    if asset not in chain.BY_SOURCE or partition is None:
        return 0.0
    reader = study.source(partition).reader
    if not isinstance(reader, GeneratedReader | SyntheticReader):
        return 0.0
    return float(reader.documents or 0)
