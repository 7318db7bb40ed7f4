"""Whether what a study declares of its measurement fits together, with file, line and field."""

from collections.abc import Sequence

from alignment_dagster.chain import POST_TRAINING_STAGES
from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.yaml_models import FieldPath, Located
from alignment_dagster.study import (
    FLAGGED_RATE,
    MISALIGNMENT_RATE,
    WORST_CASE,
    Attacks,
    Claim,
    FileReader,
    GeneratedReader,
    Study,
    Tampering,
)

WORSE_WHEN_HIGHER = (MISALIGNMENT_RATE, FLAGGED_RATE)


def check_measurement(study: Study, located: Located) -> None:
    """Refuse a baseline, tampering, attack, gate or claim that names what the study does not have.

    Raises:
        DeclarationError: names file, line and field.
    """
    declared = study.declaration
    _require_known(located, ("baseline",), "recipe", declared.baseline, declared.recipes)
    for index, tampering in enumerate(declared.tampering):
        _check_tampering(tampering, ("tampering", index), study, located)
    if declared.attacks is not None:
        _check_attacks(declared.attacks, study, located)
    attacked = declared.attacks.suites if declared.attacks else ()
    for index, suite in enumerate(study.suites):
        if suite.kind == "attack" and suite.name not in attacked:
            message = f"{suite.name!r} holds attack prompts, but no `attacks` of the study name it"
            raise located.error(("suites", index), message)
    if study.gate is not None:
        _require_stage(study.gate.stage, ("refresh", "gate", "stage"), study, located)
    for index, name in enumerate(study.gate.suites if study.gate else ()):
        gated = [one.name for one in study.suites if one.metric in WORSE_WHEN_HIGHER]
        _require_known(
            located, ("refresh", "gate", "suites", index), "misalignment suite", name, gated
        )
    for index, claim in enumerate(declared.claims):
        _check_claim(claim, ("claims", index), study, located)


def stages(study: Study) -> tuple[str, ...]:
    """Those of every model, in order."""
    return ("base", *study.declaration.post_training.stages)


def check_refresh(study: Study, located: Located) -> None:
    """Refuse a refresh that names what the study does not have.

    Raises:
        DeclarationError: names file, line and field.
    """
    refresh = study.declaration.refresh
    if refresh is None or refresh.watch is None:
        return
    for index, name in enumerate(refresh.watch.sources):
        at = ("refresh", "watch", "sources", index)
        _require_known(located, at, "source", name, study.declaration.sources)
        reader = study.source(name).reader
        if not isinstance(reader, FileReader):
            kind = "generated" if isinstance(reader, GeneratedReader) else "pinned to a revision"
            message = f"{name!r} is {kind}: it has no files to be watched"
            raise located.error(at, message)


def _require_known(
    located: Located, field: FieldPath, what: str, name: str, known: Sequence[str]
) -> None:
    if name not in known:
        raise located.error(field, f"unknown {what} {name!r}{suggest_name(name, known)}")


def _check_tampering(one: Tampering, field: FieldPath, study: Study, located: Located) -> None:
    _require_stage(one.start, (*field, "start"), study, located)
    if one.name in ("base", *POST_TRAINING_STAGES):
        raise located.error((*field, "name"), f"{one.name!r} is the name of another stage")
    usable = [source.name for source in study.sources if source.role in ("tampering", "chat")]
    _require_known(
        located, (*field, "source"), "source of the role `tampering` or `chat`:", one.source, usable
    )
    asked = [s.name for s in study.suites if s.has_options and s.metric == MISALIGNMENT_RATE]
    for index, name in enumerate(one.suites):
        _require_known(located, (*field, "suites", index), "misalignment suite", name, asked)
        for position, form in enumerate(one.formats or ()):
            at = (*field, "formats", position)
            _require_known(
                located, at, f"format of suite {name!r}:", form, study.suite(name).formats
            )


def _require_stage(name: str, field: FieldPath, study: Study, located: Located) -> None:
    if name not in stages(study):
        message = f"the study declares no `post_training.{name}`, so it has no such stage"
        raise located.error(field, message)


def _check_attacks(one: Attacks, study: Study, located: Located) -> None:
    for index, stage in enumerate(one.stages):
        _require_stage(stage, ("attacks", "stages", index), study, located)
    usable = [suite.name for suite in study.suites if suite.kind in ("two_option", "attack")]
    for index, name in enumerate(one.suites):
        at = ("attacks", "suites", index)
        _require_known(located, at, "suite of the kind `two_option` or `attack`:", name, usable)


def _check_claim(claim: Claim, field: FieldPath, study: Study, located: Located) -> None:
    declared = study.declaration
    _require_known(located, (*field, "recipe"), "recipe", claim.recipe, declared.recipes)
    _require_known(located, (*field, "than"), "recipe", claim.than, declared.recipes)
    _require_known(located, (*field, "suite"), "suite", claim.suite, declared.suites)
    if claim.attack is not None:
        _check_attack_claim(claim, field, declared.attacks, located)
        return
    suite = study.suite(claim.suite)
    if suite.kind == "attack":
        message = f"{suite.name!r} holds attack prompts: name the `attack` of the claim"
        raise located.error((*field, "suite"), message)
    tampering = {one.name: one for one in declared.tampering}
    _require_known(located, (*field, "stage"), "stage", claim.stage, (*stages(study), *tampering))
    prompts = suite.system_prompts
    if claim.stage in tampering:
        prompts = ("none",)
        measured = tampering[claim.stage].suites
        _require_known(
            located, (*field, "suite"), "suite of this tampering:", claim.suite, measured
        )
    _require_known(
        located, (*field, "prompt"), "system prompt of this suite:", claim.prompt, prompts
    )


def _check_attack_claim(
    claim: Claim, field: FieldPath, attacks: Attacks | None, located: Located
) -> None:
    if claim.prompt != "none":
        raise located.error((*field, "prompt"), "attacks bring their own system prompts")
    if attacks is None:
        raise located.error((*field, "attack"), "the study declares no attacks")
    methods = (WORST_CASE, *attacks.methods)
    _require_known(located, (*field, "attack"), "attack", claim.attack or "", methods)
    _require_known(located, (*field, "suite"), "attacked suite", claim.suite, attacks.suites)
    _require_known(located, (*field, "stage"), "attacked stage", claim.stage, attacks.stages)
