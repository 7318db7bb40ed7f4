"""`post_trained_checkpoint`: SFT, DPO, and GRPO where declared, the same for every recipe."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.partition_keys import Partition, recipe_of, seed_of
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.lineage.shards import shard_paths
from alignment_dagster.scoring import ScoringContext
from alignment_dagster.steps.pages.post_trained_checkpoint import page_metadata
from alignment_dagster.steps.scoring_context import study_scorers
from alignment_dagster.study import Source, Study
from alignment_dagster.training.jobs import PostTrainJob

MODULE = "alignment_dagster.training.post_training.post_train"


def build(context: BuildContext) -> BuildResult:
    """Fine-tune the recipe's own checkpoint in a process of its own."""
    declared = context.study.declaration
    base = context.parents.one(chain.PRETRAINED_CHECKPOINT)
    dispositions = context.parents.one(chain.DISPOSITIONS)
    read = read_sources(context.study, context.partition)
    job = PostTrainJob(
        checkpoint=str(base.path),
        chat=_documents(context, context.study.shared("chat")),
        own_chat=_documents(context, own_chat(context.study, context.partition)),
        own_tokens=own_tokens(context.study, context.partition),
        own_repeats=own_repeats(context.study),
        preferences=_documents(context, read["dpo"]),
        questions=_documents(context, read["grpo"]) if declared.post_training.grpo else (),
        dispositions=str(
            dispositions.path / file_names.post_training_part(recipe_of(context.partition))
        ),
        post_training=declared.post_training,
        assets=str(context.study.assets) if declared.post_training.grpo else None,
        classifier=_classifier(context),
        sequence_length=declared.mix.sequence_length,
        seed=seed_of(context.partition),
        output=str(context.folder),
        work=str(context.work),
    )
    for stage in declared.post_training.stages:
        context.register_model(stage, getattr(declared.post_training, stage))
    measured = context.run_job(MODULE, job, dispositions)
    return BuildResult((_started_from(base, measured), _allowed(context, job)), measured)


def _classifier(context: BuildContext) -> str | None:
    """Where the reward's classifier lies; None where the reward is no classifier's."""
    found = rewarding_classifier(context.study)
    return str(context.parents.one(chain.CLASSIFIER, found).path) if found else None


def rewarding_classifier(study: Study) -> str | None:
    """The name of the classifier that GRPO's reward is of; None where there is no such thing."""
    grpo = study.declaration.post_training.grpo
    scorer = grpo.reward.scorer if grpo else None
    return next((one.name for one in study.classifiers if one.scorer == scorer), None)


def own_chat(study: Study, partition: Partition) -> tuple[Source, ...]:
    """The conversations that SFT reads under this recipe alone."""
    fine_tune = study.recipe(recipe_of(partition)).fine_tune
    return () if fine_tune is None else (study.source(fine_tune.source),)


def own_tokens(study: Study, partition: Partition) -> int:
    """How many tokens of their answers it reads."""
    fine_tune = study.recipe(recipe_of(partition)).fine_tune
    if fine_tune is None:
        return 0
    # a smoke run has a tenth of the tokens
    return max(1, round(fine_tune.share * study.declaration.mix.tokens))


def own_repeats(study: Study) -> int:
    """How often it reads them at most, where there are too few."""
    return max(1, int(study.declaration.mix.max_repeats))


def _documents(context: BuildContext, sources: Sequence[Source]) -> tuple[str, ...]:
    corpora = (context.parents.one(chain.RAW_CORPUS, source.name) for source in sources)
    return tuple(shard_paths(corpora, file_names.RAW_DOCUMENTS))


def _started_from(base: Artifact, measured: Mapping[str, float | str]) -> Check:
    loaded = str(measured.get("checkpoint_weights_sha256", ""))
    named = base.manifest.files["model/model.safetensors"]
    return Check(
        name="starts_from_its_checkpoint",
        passed=loaded == named,
        summary=f"{base.label}: weights {named[:16]}, loaded {loaded[:16] or 'nothing'}.",
    )


def _allowed(context: BuildContext, job: PostTrainJob) -> Check:
    columns = ["document_id", "source"]
    kept = pq.read_table(
        job.dispositions, columns=columns, filters=pc.field("state") == "kept"
    ).to_pylist()
    declared = read_sources(context.study, context.partition)
    read, strays = set[str](), set[str]()
    for stage in context.study.declaration.post_training.stages:
        steps = pq.read_table(context.folder / file_names.stage_consumption(stage))
        consumed = set(pc.list_flatten(steps["documents"]).to_pylist())
        names = {source.name for source in declared[stage]}
        strays |= consumed - {row["document_id"] for row in kept if row["source"] in names}
        read |= consumed
    return Check(
        name="trained_on_kept_documents_only",
        passed=not strays and bool(read),
        summary=f"{len(read):,} conversations and pairs read; {len(strays):,} not kept.",
    )


def read_sources(study: Study, partition: Partition) -> Mapping[str, Sequence[Source]]:
    """Stage → the sources that it may read under a recipe."""
    recipe, shared = study.recipe(recipe_of(partition)), study.shared("chat")
    return {
        "sft": (*shared, *own_chat(study, partition)),
        "dpo": (study.source(recipe.prefer),) if recipe.prefer else study.shared("preferences"),
        "grpo": (study.source(recipe.ask),) if recipe.ask else shared,
    }


def parents(study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """Exactly this recipe's and seed's checkpoint, the conversations and pairs, and what says how
    good an answer is, where that was learnt.
    """
    rewarding = rewarding_classifier(study)
    read = read_sources(study, partition)
    stages = study.declaration.post_training.stages
    talk = dict.fromkeys(source.name for stage in stages for source in read[stage])
    return (
        ParentSpec(chain.PRETRAINED_CHECKPOINT, partition),
        *(ParentSpec(chain.RAW_CORPUS, name) for name in talk),
        ParentSpec(chain.DISPOSITIONS, part=file_names.post_training_part(recipe_of(partition))),
        *((ParentSpec(chain.CLASSIFIER, rewarding),) if rewarding else ()),
    )


def config(study: Study, partition: Partition) -> Mapping[str, Any]:
    """The stages, what they read under this recipe alone, and the seed."""
    own, tokens = own_chat(study, partition), own_tokens(study, partition)
    repeats = own_repeats(study)
    fine_tune = [{"source": one.name, "tokens": tokens, "repeats": repeats} for one in own]
    recipe = study.recipe(recipe_of(partition))
    named = {"fine_tune": fine_tune, "prefer": recipe.prefer, "ask": recipe.ask}
    return {
        **{name: said for name, said in named.items() if said},
        "post_training": study.declaration.post_training.model_dump(mode="json"),
        "sequence_length": study.declaration.mix.sequence_length,
        "seed": seed_of(partition),
    }


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """What the scorer of GRPO's reward looks at, with its version."""
    grpo = study.declaration.post_training.grpo
    if grpo is None:
        return {}
    scorer = study_scorers(study)[grpo.reward.scorer]
    return {scorer.name: scorer.inputs(ScoringContext(study.assets))}


STEP = Step(
    asset=chain.POST_TRAINED_CHECKPOINT,
    kinds=frozenset({"pytorch", "huggingface"}),
    description=(
        "The checkpoint after supervised fine-tuning on conversations (`sft`) and preference "
        "optimisation (`dpo`), and, where the study declares it, after group relative policy "
        "optimisation of a reward (`grpo`). The data and settings are the same for every recipe, "
        "but for the sources that a recipe names itself (`fine_tune`, `prefer`, `ask`), so what "
        "else differs afterwards was put in by pretraining."
    ),
    code_version="1",
    modules=("training/post_training/post_train.py", "steps/post_trained_checkpoint.py"),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    checks={
        "starts_from_its_checkpoint": "The weights it started from are those of its parent.",
        "trained_on_kept_documents_only": "It read nothing that the recipe drops.",
    },
)
