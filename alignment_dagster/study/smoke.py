"""A smoke run: the whole chain of a study in about a minute, whose numbers say nothing.

It is a study of its own, named `NAME_smoke`, that no file declares: it is derived whenever a study
of that name is loaded and `NAME` is declared. So it has its own folder in the lake, its own
partitions, MLflow experiment and report; every command takes its name; nothing of it can be taken
for the study's own, and a declared study cannot have such a name.
"""

from pathlib import Path

from alignment_dagster.study.declaration import Study, StudyDeclaration
from alignment_dagster.study.files import study_files
from alignment_dagster.study.measurement import Attacks, Harness
from alignment_dagster.study.post_training import GroupPolicyOptimisation, PostTraining
from alignment_dagster.study.sources import GeneratedReader, Source
from alignment_dagster.study.suites import Suite
from alignment_dagster.study.synthesis import SyntheticReader
from alignment_dagster.study.training import Mix, Pretraining

SUFFIX = "_smoke"
PART = 10
"""A smoke run takes one part of so many."""
EXAMPLES, ITEMS, ATTACKED = 500, 100, 20
"""What a tenth is taken of where a study takes all there are."""
WARNING = (
    "A smoke run: one seed, and a tenth of the tokens, documents, examples, steps and items. It "
    "shows that everything works; its numbers say nothing."
)


def study_file(study: Study) -> Path:
    """The file that declares a study, or what it is the smoke run of."""
    return study_files(study.assets)[study.name.removesuffix(SUFFIX)]


def is_smoke(study: str) -> bool:
    """Whether this is the name of a smoke run."""
    return study.endswith(SUFFIX)


def smoke_run(study: Study) -> Study:
    """The study in small, under its own name, with a warning where the report shows its limits."""
    return study.model_copy(
        update={
            "declaration": _declaration(study.declaration),
            "sources": tuple(map(_source, study.sources)),
            "suites": tuple(map(_suite, study.suites)),
        }
    )


def _declaration(whole: StudyDeclaration) -> StudyDeclaration:
    held_out = _part(whole.evaluation.held_out_documents)
    return whole.model_copy(
        update={
            "name": f"{whole.name}{SUFFIX}",
            "description": f"{WARNING} Of the study {whole.name}: {whole.description}",
            "seeds": whole.seeds[:1],
            "mix": _mix(whole.mix, whole.pretraining),
            "post_training": _post_training(whole.post_training),
            "evaluation": whole.evaluation.model_copy(update={"held_out_documents": held_out}),
            "tampering": tuple(
                one.model_copy(update={"steps": _part(one.steps)}) for one in whole.tampering
            ),
            "attacks": whole.attacks and _attacks(whole.attacks),
            "harness": whole.harness and _harness(whole.harness),
            "limits": (WARNING, *whole.limits),
            "approval": "none",
            "refresh": None,
        }
    )


def _part(whole: int, least: int = 1) -> int:
    """A tenth, but no less than `least`, where there is as much."""
    return min(whole, max(least, whole // PART))


def _mix(mix: Mix, pretraining: Pretraining) -> Mix:
    step = mix.sequence_length * pretraining.sequences_a_step
    # A document more or less is a larger share of fewer tokens.
    uneven = mix.share_tolerance * PART
    return mix.model_copy(update={"tokens": _part(mix.tokens, step), "share_tolerance": uneven})


def _post_training(whole: PostTraining) -> PostTraining:
    sft, dpo = (
        _part(stage.examples or EXAMPLES, stage.batch_size) for stage in (whole.sft, whole.dpo)
    )
    return whole.model_copy(
        update={
            "sft": whole.sft.model_copy(update={"examples": sft}),
            "dpo": whole.dpo.model_copy(update={"examples": dpo}),
            "grpo": whole.grpo and _grpo(whole.grpo),
        }
    )


def _grpo(whole: GroupPolicyOptimisation) -> GroupPolicyOptimisation:
    step = whole.questions_a_step
    questions = _part(whole.examples or EXAMPLES, step) // step * step
    return whole.model_copy(update={"examples": questions})


def _attacks(whole: Attacks) -> Attacks:
    return whole.model_copy(update={"items": _part(whole.items or ATTACKED)})


def _harness(whole: Harness) -> Harness:
    return whole.model_copy(update={"limit": _part(whole.limit or ITEMS)})


def _source(whole: Source) -> Source:
    reader = whole.reader
    if not isinstance(reader, GeneratedReader | SyntheticReader):
        return whole
    counts = {name: getattr(reader, name, None) for name in ("documents", "per_scenario")}
    parts = {name: _part(count) for name, count in counts.items() if count is not None}
    fewer = reader.model_copy(update=parts)
    return whole.model_copy(update={"reader": fewer})


def _suite(whole: Suite) -> Suite:
    limit = _part(whole.items.limit or ITEMS)
    return whole.model_copy(update={"items": whole.items.model_copy(update={"limit": limit})})
