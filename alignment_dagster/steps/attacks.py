"""`attacks`: what makes a model answer badly, item by item."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.evaluation.attacks.job import AttackJob, read_suites
from alignment_dagster.evaluation.attacks.selection import SEARCHES, choose_items
from alignment_dagster.evaluation.attacks.success import attack_success
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.graph.build_context import BuildContext
from alignment_dagster.graph.parent_spec import ParentSpec
from alignment_dagster.graph.step import BuildResult, Step
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact, altered_files
from alignment_dagster.lineage.metric import Dataset, Metric
from alignment_dagster.lineage.partition_keys import Partition
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.steps.pages.attacks import page_metadata
from alignment_dagster.study import Attacks, Study, Suite

MODULE = "alignment_dagster.evaluation.attacks.run"
FOLDERS = {"base": "model", **{stage: stage for stage in chain.POST_TRAINING_STAGES}}
"""Stage → folder of its weights in the checkpoint's artifact."""


def is_declared(study: Study) -> bool:
    """Whether the study declares any."""
    return study.declaration.attacks is not None


def build(context: BuildContext) -> BuildResult:
    """Attack the chosen items at the declared stages."""
    study = context.study
    checkpoints = _checkpoints(context)
    job = AttackJob(
        checkpoints={
            stage: str(artifact.path / FOLDERS[stage]) for stage, artifact in checkpoints.items()
        },
        suites=suites(study),
        demonstrations=demonstrations(study),
        assets=str(study.assets),
        digests=dict(external_inputs(study, context.partition)),
        attacks=_attacks(study),
        batch_tokens=study.declaration.evaluation.batch_tokens,
        sequence_length=study.declaration.mix.sequence_length,
        output=str(context.folder),
        work=str(context.work),
    )
    measured = context.run_job(MODULE, job, context.parents.one(chain.PRETRAINED_CHECKPOINT))
    rows = pq.read_table(context.folder / file_names.ATTACKS)
    context.log(_metrics(context, rows, checkpoints))
    return BuildResult(
        (_attacked(study, context.folder, rows), _weights(checkpoints), _strings(context.folder)),
        measured,
    )


def suites(study: Study) -> tuple[Suite, ...]:
    """The suites that are attacked, in the order in which the attacks name them."""
    return tuple(study.suite(name) for name in _attacks(study).suites)


def demonstrations(study: Study) -> Suite | None:
    """Where a suite without options takes its demonstrations: the first of two options."""
    return next((suite for suite in study.suites if suite.kind == "two_option"), None)


def _attacks(study: Study) -> Attacks:
    declared = study.declaration.attacks
    if declared is None:
        raise DeclarationError(f"study {study.name}: it declares no attacks")
    return declared


def _checkpoints(context: BuildContext) -> dict[Any, Artifact]:
    """Stage → the artifact that holds its weights."""
    return {
        stage: context.parents.one(
            chain.PRETRAINED_CHECKPOINT if stage == "base" else chain.POST_TRAINED_CHECKPOINT
        )
        for stage in _attacks(context.study).stages
    }


def _attacked(study: Study, folder: Path, rows: pa.Table) -> Check:
    attacks = _attacks(study)
    chosen = [choose_items(one, load_suite(one, study.assets), attacks) for one in suites(study)]
    wanted = len(attacks.stages) * sum(
        len(one.items_to_search(attacks) if method in SEARCHES else one.attacked)
        for one in chosen
        for method in attacks.methods
    )
    left_out = pq.read_table(folder / file_names.NOT_APPLIED)
    said = ", ".join(
        f"{method} {count}"
        for method, count in sorted(Counter(left_out["attack"].to_pylist()).items())
    )
    finite = bool(pc.all(pc.is_finite(rows["score"]), min_count=0).as_py())
    return Check(
        name="all_items_attacked",
        passed=rows.num_rows + left_out.num_rows == wanted and finite,
        summary=f"{rows.num_rows:,} of {wanted:,} attacks; "
        f"{'no room in the context for ' + said if said else 'all fit into the context'}; "
        f"{'all' if finite else 'NOT all'} scores are finite.",
    )


def _weights(checkpoints: Mapping[Any, Artifact]) -> Check:
    """After the attacks: the files that were attacked still are what the manifests say."""
    altered = altered_files(
        (artifact, f"{FOLDERS[stage]}/model.safetensors") for stage, artifact in checkpoints.items()
    )
    return Check(
        name="weights_match_their_digest",
        passed=not altered,
        summary=f"{', '.join(altered)} changed." if altered else "They do.",
    )


def _strings(folder: Path) -> Check:
    rows = pq.read_table(folder / file_names.REPRODUCED).to_pylist()
    differing = [row for row in rows if row["recorded"] != row["again"]]
    worked = sum(row["recorded"] > 0 for row in rows)
    first = f"; the first is for item {differing[0]['item_id'][:12]}" if differing else ""
    return Check(
        name="strings_reproduce",
        passed=not differing,
        summary=f"{len(rows)} found strings tried again ({worked} that worked), "
        f"{len(differing)} with another outcome{first}.",
    )


def _metrics(
    context: BuildContext, rows: pa.Table, checkpoints: Mapping[Any, Artifact]
) -> list[Metric]:
    """Every attack's success, against the suite's items and the model."""
    digests = external_inputs(context.study, context.partition)
    return [
        Metric(
            f"attack_success/{suite}/{stage}/{attack}",
            sum(hits) / len(hits),
            data=Dataset(suite, digests[suite]),
            model_id=checkpoints[stage].provenance.models[stage],
        )
        for (suite, stage, attack), hits in attack_success(rows).items()
    ]


def parents(_study: Study, partition: Partition) -> tuple[ParentSpec, ...]:
    """Both checkpoints of this recipe and seed."""
    return (
        ParentSpec(chain.PRETRAINED_CHECKPOINT, partition),
        ParentSpec(chain.POST_TRAINED_CHECKPOINT, partition),
    )


def config(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """The attacks and their budget, the suites, and the context."""
    read = read_suites(suites(study), demonstrations(study))
    return {
        "attacks": _attacks(study).model_dump(mode="json"),
        "suites": [suite.settings for suite in read],
        "batch_tokens": study.declaration.evaluation.batch_tokens,
        "sequence_length": study.declaration.mix.sequence_length,
    }


def external_inputs(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, by their content, and the word lists that answers are judged by."""
    read = read_suites(suites(study), demonstrations(study))
    return {suite.name: content_digest(suite, study.assets) for suite in read}


STEP = Step(
    asset=chain.ATTACKS,
    kinds=frozenset({"pytorch", "parquet"}),
    description=(
        "Attempts to make the model answer badly, item by item: demanded and prefilled openings, "
        "role-play, a system prompt that orders it, misaligned demonstrations, and strings that "
        "are searched token by token under a declared budget. Every prompt, every found string and "
        "what the model said are kept."
    ),
    code_version="2",
    modules=("evaluation/attacks/run.py", "steps/attacks.py"),
    parents=parents,
    config=config,
    external_inputs=external_inputs,
    build=build,
    page_metadata=page_metadata,
    exists=is_declared,
    checks={
        "all_items_attacked": "Every chosen item was attacked at every stage in every way.",
        "weights_match_their_digest": "The weights that were attacked are those of the manifests.",
        "strings_reproduce": "Found strings, read back from the file, have the outcome on record.",
    },
)
