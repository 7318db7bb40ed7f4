"""What a study took: machine, devices, parameters, tokens, seconds, as they were recorded."""

from collections.abc import Iterator

from alignment_dagster import chain
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.report.rows import ComputeRow

MEASURED = (
    chain.TRUNK_CHECKPOINT,
    chain.PRETRAINED_CHECKPOINT,
    chain.POST_TRAINED_CHECKPOINT,
    chain.TAMPERING,
    chain.EVALUATION,
    chain.ATTACKS,
)
TOKENS, SECONDS = "_tokens", "_seconds"


def compute_rows(parents: Parents) -> list[ComputeRow]:
    """One row for each stage that was trained, and for each measurement, in the chain's order."""
    sizes = [_number(one, "parameters") for one in parents.all(chain.PRETRAINED_CHECKPOINT)]
    parameters = int(max(sizes, default=0))
    stages: dict[str, list[tuple[Artifact, float | None, float]]] = {}
    for asset in MEASURED:
        for artifact in parents.all(asset):
            for stage, tokens, seconds in _stages(artifact):
                stages.setdefault(stage, []).append((artifact, tokens, seconds))
    return [
        ComputeRow(
            stage,
            models=len(found),
            machine="; ".join(sorted({_machine(artifact) for artifact, _, _ in found})),
            device="; ".join(sorted({_device(artifact) for artifact, _, _ in found})),
            parameters=parameters,
            tokens=_sum_known([tokens for _, tokens, _ in found]),
            seconds=sum(seconds for _, _, seconds in found),
            device_seconds=sum(seconds * _processes(artifact) for artifact, _, seconds in found),
        )
        for stage, found in stages.items()
    ]


def _stages(artifact: Artifact) -> Iterator[tuple[str, float | None, float]]:
    """The stages of an artifact, with the tokens and the seconds of each."""
    asset, measured = artifact.asset, artifact.provenance.measured
    if stage := chain.PRETRAINING_STAGES.get(asset):
        yield stage, _number(artifact, "tokens"), _number(artifact, "training_seconds")
    elif asset in (chain.POST_TRAINED_CHECKPOINT, chain.TAMPERING):
        for stage in [key.removesuffix(TOKENS) for key in measured if key.endswith(TOKENS)]:
            yield (
                stage,
                _number(artifact, f"{stage}{TOKENS}"),
                _number(artifact, f"{stage}{SECONDS}"),
            )
    else:
        yield asset, None, _number(artifact, "seconds")


def _number(artifact: Artifact, name: str) -> float:
    return float(artifact.provenance.measured.get(name, 0.0))


def _machine(artifact: Artifact) -> str:
    found = artifact.provenance.environment
    return f"{found.get('machine', 'unknown')}, torch {found.get('torch', 'unknown')}"


def _device(artifact: Artifact) -> str:
    """Several processes share a pretraining where it declares so."""
    device = str(artifact.provenance.measured.get("device", "cpu"))
    processes = _processes(artifact)
    return f"{processes} x {device}" if processes > 1 else device


def _processes(artifact: Artifact) -> int:
    """What was made before they were counted had one for each rank."""
    ranks = artifact.provenance.declared.get("pretraining", {}).get("ranks", 1)
    return int(artifact.provenance.measured.get("processes", ranks))


def _sum_known(values: list[float | None]) -> int | None:
    known = [value for value in values if value is not None]
    return int(sum(known)) if known else None
