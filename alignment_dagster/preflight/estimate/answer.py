"""What a study takes, as an answer: sentences, then what is trained, held, spent and written."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict

from alignment_dagster import chain
from alignment_dagster.audit.answer import Answer, Cell, Table
from alignment_dagster.foundation.home import Home
from alignment_dagster.preflight.estimate.sizes import state_bytes
from alignment_dagster.preflight.estimate.study_estimate import AssetEstimate, StudyEstimate
from alignment_dagster.preflight.estimate.words import bytes_words, time_words

TOO_MUCH = "too little disk: it takes {needed} at least, and {free} are free for {home}"


def study_answer(found: StudyEstimate, home: Home) -> Answer:
    """Everything; what is not known is said to be unknown."""
    study = found.study
    free = shutil.disk_usage(next(one for one in (home.root, *home.root.parents) if one.is_dir()))
    warnings = list(found.warnings)
    if found.bytes > free.free:
        said = {"needed": bytes_words(found.bytes), "free": bytes_words(free.free)}
        warnings.append(TOO_MUCH.format(**said, home=home.root))
    tables = [_trainings(found), _memory(found), _assets(found)]
    return Answer(
        f"What the study {study.name} takes",
        list(_sentences(found)),
        [one for one in tables if one.rows],
        _data(found),
        warnings=warnings,
    )


def _sentences(found: StudyEstimate) -> Iterator[str]:
    study, size = found.study, found.size
    recipes, seeds = len(study.recipes), len(study.declaration.seeds)
    entries = f"vocabulary {size.vocabulary:,}" + ("" if size.known else " as declared")
    yield (
        f"{recipes * seeds} models ({recipes} recipes x {seeds} seeds) of {size.parameters:,} "
        f"parameters each ({entries})."
    )
    for (batch, length), probed in found.probed.items():
        if probed.tokens_per_second:
            flops = probed.tokens_per_second * probed.flops_per_token
            yield (
                f"Measured now on {probed.device}, one process: {probed.tokens_per_second:,.0f} "
                f"tokens/s in batches of {batch} x {length} ({flops / 1e9:,.1f} GFLOP/s)."
            )
    least = "at least " if found.unknown_time else ""
    if found.device_seconds:
        yield (
            f"From beginning to end {least}{time_words(found.wall_seconds)}, "
            f"{found.at_once} job{'s side by side' if found.at_once > 1 else ' at a time'}; "
            f"{least}{found.device_seconds / 3600:,.3g} device hours. Not in it: Dagster's own "
            "time."
        )
    if unknown := found.unknown_time:
        yield (
            f"Unknown: the time of {', '.join(unknown)}. `alignment run {study.name} --smoke` "
            "measures it in small."
        )


def _trainings(found: StudyEstimate) -> Table:
    seeds = len(found.study.declaration.seeds)
    rows: list[list[Cell]] = []
    for one in found.trainings:
        stage = chain.PRETRAINING_STAGES[one.asset]
        rows.append([stage, one.recipe, seeds, one.steps, one.tokens, one.tokens * seeds])
    for stage, steps, tokens in _post_training(found):
        models = seeds * len(found.study.recipes)
        whole = None if tokens is None else tokens * models
        rows.append([stage, "each", models, steps, tokens, whole])
    columns = ["stage", "recipe", "models", "steps", "tokens", "tokens of all models"]
    return Table("What is trained; steps that recipes share are counted once", columns, rows)


def _post_training(found: StudyEstimate) -> Iterator[tuple[str, int | None, int | None]]:
    """Stage, steps and tokens of one model; what only the corpus tells is None."""
    declared = found.study.declaration.post_training
    before = found.evidence.nearest(chain.POST_TRAINED_CHECKPOINT, None)
    for stage in declared.stages:
        settings = getattr(declared, stage)
        kept = None if before is None else before.measured(f"{stage}_kept_documents")
        examples = settings.examples or (kept and int(kept))
        if not examples:
            yield stage, None, None
            continue
        a_step = getattr(settings, "questions_a_step", settings.batch_size)
        read = before and before.measured(f"{stage}_examples")
        tokens = before and before.measured(f"{stage}_tokens")
        each = tokens / read if tokens and read else None
        steps = settings.epochs * -(-examples // a_step)
        yield stage, steps, None if each is None else round(each * examples)


def _memory(found: StudyEstimate) -> Table:
    rows: list[list[Cell]] = []
    for (batch, length), probed in found.probed.items():
        parts = (probed.process, probed.weights, probed.gradients, probed.optimizer)
        activations = probed.most - sum(parts)
        words = [bytes_words(one) for one in (*parts, activations, probed.most)]
        verdict = "fits" if probed.fits else f"too little: {probed.batch_size} sequences fit"
        rows.append([f"{batch} x {length}", *words, bytes_words(found.available), verdict])
    columns = ["batch", "process", "weights", "gradients", "optimizer", "activations", "most"]
    caption = "Memory of a rank in pretraining, as it was measured"
    return Table(caption, [*columns, "free", "verdict"], rows)


def _assets(found: StudyEstimate) -> Table:
    rows: list[list[Cell]] = [_row(one) for one in found.assets]
    least = " at least" if found.unknown_time else ""
    more = " at least" if found.unknown_disk else ""
    time = time_words(sum(one.seconds or 0.0 for one in found.assets)) + least
    rows.append(["all", sum(len(one.estimates) for one in found.assets), time, "",
                 bytes_words(found.bytes) + more, ""])  # fmt: skip
    state = bytes_words(state_bytes(found.size.parameters))
    caption = (
        f"Time, one after the other, and disk (each training that runs holds up to two states "
        f"of {state} besides)"
    )
    columns = ["asset", "artifacts", "time", "time from", "disk", "disk from"]
    return Table(caption, columns, rows)


def _row(one: AssetEstimate) -> list[Cell]:
    def sources(name: str) -> str:
        return ", ".join(dict.fromkeys(getattr(each, name) for each in one.estimates))

    return [
        one.asset,
        len(one.estimates),
        time_words(one.seconds),
        sources("seconds_from") if one.seconds is not None else "",
        bytes_words(one.bytes),
        sources("bytes_from") if one.bytes is not None else "",
    ]


def _data(found: StudyEstimate) -> dict[str, object]:
    seeds = len(found.study.declaration.seeds)
    return {
        "study": found.study.name,
        "parameters": found.size.parameters,
        "vocabulary": found.size.vocabulary,
        "trainings": [
            {
                "stage": chain.PRETRAINING_STAGES[one.asset],
                "recipe": one.recipe,
                "models": seeds,
                "steps": one.steps,
                "tokens": one.tokens,
            }
            for one in found.trainings
        ],
        "probes": [
            {"batch_size": batch, "sequence_length": length, **asdict(probed)}
            for (batch, length), probed in found.probed.items()
        ],
        "free_memory_bytes": found.available,
        "assets": [
            {
                "asset": one.asset,
                "artifacts": len(one.estimates),
                "seconds": one.seconds,
                "device_seconds": one.device_seconds,
                "bytes": one.bytes,
            }
            for one in found.assets
        ],
        "wall_seconds": found.wall_seconds,
        "unknown": {"time": found.unknown_time, "disk": found.unknown_disk},
        "warnings": found.warnings,
    }
