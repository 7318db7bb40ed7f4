"""`attacks`: what makes a model answer badly, item by item."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.steps.pages import charts
from alignment_dagster.steps import post_trained_checkpoint, pretrained_checkpoint
from alignment_dagster.steps.pretrained_checkpoint import numbers
from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.evaluation.attacks.job import AttackJob, read_suites
from alignment_dagster.evaluation.attacks.files import ATTACKS_FILE, NOT_APPLIED_FILE, REPRODUCED_FILE
from alignment_dagster.evaluation.attacks.selection import SEARCHES, choose_items
from alignment_dagster.evaluation.suites.loader import content_digest, load_suite
from alignment_dagster.defs.asset_factory import definitions
from alignment_dagster.graph.materialize import Making
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.graph.step import Made, Partition, Step, Wanted, by_recipe_and_seed
from alignment_dagster.lineage.metric import Data, Measured
from alignment_dagster.lineage.lake import Artifact, altered_files
from alignment_dagster.lineage.provenance import Check
from alignment_dagster.study import WORST_CASE, Attacks, Study, Suite

MODULE = "alignment_dagster.evaluation.attacks.run"
EXAMPLES = 8
FOLDERS = {"base": "model", "sft": "sft", "dpo": "dpo"}
"""Stage → folder of its weights in the checkpoint's artifact."""


def partitions(study: Study) -> tuple[str, ...]:
    """One partition a checkpoint; none where the study declares no attacks."""
    return by_recipe_and_seed(study) if study.declaration.attacks else ()


def build(making: Making) -> Made:
    """Attack the chosen items at the declared stages."""
    study = making.study
    checkpoints = _checkpoints(making)
    job = AttackJob(
        checkpoints={
            stage: str(artifact.path / FOLDERS[stage]) for stage, artifact in checkpoints.items()
        },
        suites=suites(study),
        demonstrations=demonstrations(study),
        assets=str(study.assets),
        digests=dict(outside(study, making.partition)),
        attacks=_attacks(study),
        batch_tokens=study.declaration.evaluation.batch_tokens,
        sequence_length=study.declaration.mix.sequence_length,
        output=str(making.folder),
        work=str(making.work),
    )
    measured = making.run_job(MODULE, job, making.parents.one("pretrained_checkpoint"))
    rows = pq.read_table(making.folder / ATTACKS_FILE)
    making.log(_metrics(making, rows, checkpoints))
    return Made(
        (_attacked(study, making.folder, rows), _weights(checkpoints), _strings(making.folder)),
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


def _checkpoints(making: Making) -> dict[Any, Artifact]:
    """Stage → the artifact that holds its weights."""
    return {
        stage: making.parents.one(
            "pretrained_checkpoint" if stage == "base" else "post_trained_checkpoint"
        )
        for stage in _attacks(making.study).stages
    }


def _attacked(study: Study, folder: Path, rows: pa.Table) -> Check:
    attacks = _attacks(study)
    chosen = [choose_items(one, load_suite(one, study.assets), attacks) for one in suites(study)]
    wanted = len(attacks.stages) * sum(
        len(one.items_to_search(attacks) if method in SEARCHES else one.attacked)
        for one in chosen
        for method in attacks.methods
    )
    left_out = pq.read_table(folder / NOT_APPLIED_FILE)
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
    rows = pq.read_table(folder / REPRODUCED_FILE).to_pylist()
    differing = [row for row in rows if row["recorded"] != row["again"]]
    worked = sum(row["recorded"] for row in rows)
    first = f"; the first is for item {differing[0]['item_id'][:12]}" if differing else ""
    return Check(
        name="strings_reproduce",
        passed=not differing,
        summary=f"{len(rows)} found strings tried again ({worked} that worked), "
        f"{len(differing)} with another outcome{first}.",
    )


def success(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], list[bool]]:
    """Suite, stage and attack → whether it worked, item by item; `worst_case`: any attack did."""
    hits: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    worst: dict[tuple[str, str, str], bool] = defaultdict(bool)
    for row in rows:
        hits[row["suite"], row["stage"], row["attack"]].append(row["hit"])
        worst[row["suite"], row["stage"], row["item_id"]] |= row["hit"]
    for (suite, stage, _), hit in worst.items():
        hits[suite, stage, WORST_CASE].append(hit)
    return dict(hits)


def _metrics(making: Making, rows: pa.Table, checkpoints: Mapping[Any, Artifact]) -> list[Measured]:
    """Every attack's success, against the suite's items and the model."""
    digests = outside(making.study, making.partition)
    return [
        Measured(
            f"attack_success/{suite}/{stage}/{attack}",
            sum(hits) / len(hits),
            data=Data(suite, digests[suite]),
            model_id=checkpoints[stage].provenance.models[stage],
        )
        for (suite, stage, attack), hits in success(_outcomes(rows)).items()
    ]


def _outcomes(rows: pa.Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows.select(
        ["suite", "stage", "attack", "item_id", "hit"]
    ).to_pylist()
    return found


def describe(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The share of items on which each attack works, and some of the strings that were found."""
    rows = pq.read_table(artifact.path / ATTACKS_FILE)
    shares: dict[tuple[str, str], dict[str, Any]] = {}
    hits = success(_outcomes(rows))
    stages = list(dict.fromkeys(stage for _, stage, _ in hits))
    for (suite, stage, attack), found in hits.items():
        line = shares.setdefault((suite, attack), {"suite": suite, "attack": attack})
        line[stage] = sum(found) / len(found)
        line[f"{stage} items"] = len(found)
    columns = ["suite", "attack", *(name for stage in stages for name in (stage, f"{stage} items"))]
    blank = dict.fromkeys(columns)
    found = rows.filter(pc.field("hit") & pc.field("attack").isin(list(SEARCHES))).slice(
        0, EXAMPLES
    )
    shown = ["suite", "stage", "attack", "adversarial", "prompt", "generation"]
    worked = {
        f"{attack} {stage} {suite}": sum(hit) / len(hit)
        for (suite, stage, attack), hit in sorted(hits.items(), key=_worst_first)
    }
    plot = charts.shares(worked, "share of items on which it works")
    return {
        "plot": drawing(plot, "attack success"),
        "dagster/row_count": rows.num_rows,
        "success": dg.MetadataValue.md(
            table(({**blank, **row} for row in shares.values()), columns)
        ),
        "found_strings": dg.MetadataValue.md(table(found.to_pylist(), shown)),
        **numbers(artifact),
    }


def _worst_first(found: tuple[tuple[str, str, str], list[bool]]) -> tuple[bool, float]:
    (_, _, attack), hit = found
    return attack != WORST_CASE, -sum(hit) / len(hit)


def wants(_study: Study, partition: Partition) -> tuple[Wanted, ...]:
    """Both checkpoints of this recipe and seed."""
    return (
        Wanted("pretrained_checkpoint", partition),
        Wanted("post_trained_checkpoint", partition),
    )


def declared(study: Study, _partition: Partition) -> Mapping[str, Any]:
    """The attacks and their budget, the suites, and the context."""
    read = read_suites(suites(study), demonstrations(study))
    return {
        "attacks": _attacks(study).model_dump(mode="json"),
        "suites": [suite.model_dump(mode="json") for suite in read],
        "batch_tokens": study.declaration.evaluation.batch_tokens,
        "sequence_length": study.declaration.mix.sequence_length,
    }


def outside(study: Study, _partition: Partition) -> Mapping[str, str]:
    """The items, by their content, and the word lists that answers are judged by."""
    read = read_suites(suites(study), demonstrations(study))
    return {suite.name: content_digest(suite, study.assets) for suite in read}


STEP = Step(
    asset="attacks",
    group="4_evaluation",
    kinds=frozenset({"pytorch", "parquet"}),
    description=(
        "Attempts to make the model answer badly, item by item: demanded and prefilled openings, "
        "role-play, a system prompt that orders it, misaligned demonstrations, and strings that "
        "are searched token by token under a declared budget. Every prompt, every found string and "
        "what the model said are kept."
    ),
    code=("evaluation/attacks/run.py", "steps/attacks.py"),
    partitions=partitions,
    wants=wants,
    declared=declared,
    outside=outside,
    build=build,
    describe=describe,
    checks={
        "all_items_attacked": "Every chosen item was attacked at every stage in every way.",
        "weights_match_their_digest": "The weights that were attacked are those of the manifests.",
        "strings_reproduce": "Found strings, read back from the file, have the outcome on record.",
    },
)


@dg.definitions
def defs() -> dg.Definitions:
    """The asset in every study that declares attacks."""
    return definitions(STEP, upstream=[pretrained_checkpoint.STEP, post_trained_checkpoint.STEP])
