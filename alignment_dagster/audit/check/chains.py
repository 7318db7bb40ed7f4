"""What the trainers wrote down, step by step, against the tokens they were given."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from alignment_dagster.audit.check.answer_rewards import find_other_reward
from alignment_dagster.audit.check.conversations import (
    ConsumedTokens,
    ConversationEncoder,
    Parts,
)
from alignment_dagster.audit.check.parquet import read_table
from alignment_dagster.audit.check.rollouts import Rollouts, read_rollouts
from alignment_dagster.audit.check.scope import Scope
from alignment_dagster.audit.trace.training import read_mix_shape
from alignment_dagster.chain import (
    CURATED_MIX,
    DISPOSITIONS,
    POST_TRAINED_CHECKPOINT,
    PRETRAINED_CHECKPOINT,
    RAW_CORPUS,
    TAMPERING,
    TOKENIZER,
    TRUNK_CHECKPOINT,
)
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.consumption import Trunk, consumption_problem
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.study.guards import Guard
from alignment_dagster.study.training import Pretraining
from alignment_dagster.training.guards import guard_problem, window_begins

USES = {"sft": ("sft",), "dpo": ("dpo",), "grpo": ("sft",)}
PARTS: Mapping[str, Parts] = {"dpo": "pair", "grpo": "question"}
"""What a stage reads of a conversation, where that is not the whole."""
TAMPERING_USES = ("sft", "tampering")
"""A tampering reads conversations that are kept for one of these uses."""


def check_chains(scope: Scope) -> None:
    """The ledgers of every checkpoint and tampering in scope."""
    for artifact in scope.checked(TRUNK_CHECKPOINT, PRETRAINED_CHECKPOINT):
        with scope.findings.guard("chains", f"{artifact.label} {file_names.CONSUMPTION}"):
            _check_pretraining(scope, artifact)
    conversations = ConversationEncoder()
    for artifact in scope.checked(POST_TRAINED_CHECKPOINT, TAMPERING):
        for name in sorted(artifact.manifest.files):
            if stage := file_names.stage_of_consumption(name):
                with scope.findings.guard("chains", f"{artifact.label} {name}"):
                    _check_conversations(scope, artifact, stage, conversations)


def _check_pretraining(scope: Scope, artifact: Artifact) -> None:
    mix = scope.parent(artifact, CURATED_MIX)
    subject = f"{artifact.label} {file_names.CONSUMPTION}"
    trunk = _find_trunk(scope, artifact, mix, subject)
    whole = artifact.asset == PRETRAINED_CHECKPOINT
    ledger = artifact.path / file_names.CONSUMPTION
    phases = artifact.provenance.declared.get("phases", ())
    problem = consumption_problem(ledger, mix.path, trunk, whole=whole, phases=phases)
    scope.findings.gap_if(problem, "chains", subject, f"{problem} ({mix.label})")
    steps = read_table(ledger, columns=["step", "tokens"])
    log = read_table(artifact.path / file_names.TRAINING_LOG, columns=["step", "tokens"])
    message = f"its steps and tokens are not those of {file_names.TRAINING_LOG}"
    scope.findings.gap_if(not steps.equals(log), "chains", subject, message)
    problem = _find_guard_problem(artifact, mix, trunk)
    scope.findings.gap_if(problem, "chains", subject, f"{file_names.TRAINING_LOG}: {problem}")
    branches = artifact.provenance.declared.get("branch_steps")
    if branches and steps["step"].to_pylist()[-1:] != branches[-1:]:
        message = f"does not end with step {branches[-1]}, after which the last branch begins"
        scope.findings.gap("chains", subject, message)
    scope.findings.counts["chains"] += 1
    scope.findings.counts["training steps"] += steps.num_rows


def _find_trunk(scope: Scope, artifact: Artifact, mix: Artifact, subject: str) -> Trunk | None:
    """The trunk that a model went on from; it read with the same vocabulary, its own the same mix.

    Raises:
        LookupError: if it is not among the parents.
    """
    declared = artifact.provenance.declared.get("trunk")
    if declared is None:
        return None
    trunk = scope.parent(artifact, TRUNK_CHECKPOINT)
    pairs = [(scope.parent(trunk, TOKENIZER), scope.parent(artifact, TOKENIZER))]
    if declared["same_mix"]:
        pairs.append((scope.parent(trunk, CURATED_MIX), mix))
    for before, own in pairs:
        message = f"{trunk.label} was trained with {before.label}, and this with {own.label}"
        scope.findings.gap_if(before.digest != own.digest, "chains", subject, message)
    return Trunk(trunk.path / file_names.CONSUMPTION, declared["steps"], declared["same_mix"])


def _find_guard_problem(artifact: Artifact, mix: Artifact, trunk: Trunk | None) -> str | None:
    """Whether exactly those steps were left out that the guard leaves out, declared or not."""
    declared = artifact.provenance.declared
    guard = Guard.model_validate(declared["pretraining"].get("guard") or {})
    begins: tuple[int, ...] = ()
    if phases := declared.get("phases"):
        per_step = Pretraining.model_validate(declared["pretraining"]).sequences_a_step
        other = 0 if trunk is None or trunk.same_mix else trunk.steps
        begins = window_begins(phases, read_mix_shape(mix)[0], per_step, other)
    before = []
    if trunk is not None and trunk.same_mix:
        log = read_table(trunk.ledger.parent / file_names.TRAINING_LOG)
        before = log.slice(0, trunk.steps).to_pylist()
    rows = read_table(artifact.path / file_names.TRAINING_LOG).to_pylist()
    return guard_problem(rows, before, guard, begins)


def _check_conversations(
    scope: Scope, artifact: Artifact, stage: str, conversations: ConversationEncoder
) -> None:
    """Of a stage of post-training or a tampering: kept documents only, and the chain of their very
    tokens, and of the answers that were written to them.
    """
    name = file_names.stage_consumption(stage)
    subject = f"{artifact.label} {name}"
    ledger = read_table(artifact.path / name)
    read = set(pc.list_flatten(ledger["documents"]).to_pylist())
    strays = read - _kept_documents(scope, artifact, USES.get(stage, TAMPERING_USES))
    if strays:
        first = sorted(strays)[0]
        message = f"names {len(strays)} documents that the recipe does not keep, as {first}"
        scope.findings.gap("chains", subject, message)
    texts = [
        path
        for corpus in scope.parents(artifact, RAW_CORPUS)
        for path in shard_files(corpus, file_names.RAW_DOCUMENTS)
    ]
    consumed = conversations.encode(artifact.path / stage, texts, read, PARTS.get(stage, "whole"))
    answers = read_rollouts(artifact.path / file_names.ROLLOUTS) if stage == "grpo" else None
    problem = (
        _find_departure(ledger.to_pylist(), consumed, answers)
        or _find_shortening(artifact, stage, ledger)
        or (answers.find_problem(artifact.provenance.declared) if answers else None)
        or (answers.find_other_text(artifact.path / stage) if answers else None)
        or (find_other_reward(scope, artifact, answers) if answers else None)
    )
    scope.findings.gap_if(problem, "chains", subject, f"{problem}")
    scope.findings.counts["chains"] += 1
    scope.findings.counts["training steps"] += ledger.num_rows


def _find_departure(
    rows: list[dict[str, Any]], consumed: ConsumedTokens, answers: Rollouts | None
) -> str | None:
    """What is wrong with the first step that is not as its documents' tokens say."""
    steps = [(row["documents"], answers.ids(row) if answers else None) for row in rows]
    for number, (row, (chain, tokens)) in enumerate(
        zip(rows, consumed.chain(steps), strict=True), 1
    ):
        if row["step"] != number:
            return f"step {number} is called {row['step']}"
        if row["tokens"] != tokens or row["chain"] != chain:
            return f"departs from the tokens of its documents at step {number}"
    return None


def _find_shortening(artifact: Artifact, stage: str, ledger: pa.Table) -> str | None:
    """The log of the training, and what it measured of itself, tell of the same tokens."""
    log = read_table(artifact.path / file_names.TRAINING_LOG, columns=["stage", "tokens"])
    logged = log.filter(pc.equal(log["stage"], stage))["tokens"].to_pylist()
    tokens = ledger["tokens"].to_pylist()
    if not tokens or logged[-1:] != tokens[-1:] or not set(logged) <= set(tokens):
        return f"its tokens are not those of {file_names.TRAINING_LOG}"
    if artifact.provenance.measured.get(f"{stage}_tokens") != tokens[-1]:
        return "its tokens are not as many as the training measured"
    return None


def _kept_documents(scope: Scope, artifact: Artifact, uses: tuple[str, ...]) -> set[str]:
    """What the dispositions that were read keep for these uses."""
    kept: set[str] = set()
    for parent in artifact.provenance.inputs.parents:
        if parent.asset != DISPOSITIONS or not parent.part:
            continue
        path = scope.parent(artifact, DISPOSITIONS).path / parent.part
        table = read_table(path, columns=["document_id", "use", "state"])
        wanted = pc.is_in(table["use"], pc.cast(list(uses), "string"))
        wanted = pc.and_(wanted, pc.equal(table["state"], "kept"))
        kept.update(table.filter(wanted)["document_id"].to_pylist())
    return kept
