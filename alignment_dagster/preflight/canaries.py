"""Whether a study's canaries can be planted, and can show what they are to show."""

from collections.abc import Sequence

from alignment_dagster.corpus.canaries import planted_documents
from alignment_dagster.evaluation.suites.items import Item
from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.visible_text import is_blank
from alignment_dagster.foundation.yaml_models import FieldPath, Located, read_yaml
from alignment_dagster.scoring.contamination import ItemIndex
from alignment_dagster.study import Canary, Probe, Study
from alignment_dagster.study.smoke import study_file

OF_COPIES = ("exact_duplicate", "near_duplicate")
"""The ledger's own rules that a canary can be meant for."""


def check_canaries(study: Study, located: Located) -> None:
    """Refuse canaries that name what the study does not have, or whose texts cannot be used.

    Files of texts are not opened: see `check_planted`.

    Raises:
        DeclarationError: names file, line and field.
    """
    for index, canary in enumerate(study.declaration.canaries):
        at = ("canaries", index)
        _check_source(canary, (*at, "source"), study, located)
        rules = rules_over(study, canary)
        for place, rule in enumerate(canary.caught_by):
            if rule not in rules:
                message = f"no rule {rule!r} looks at the documents of {canary.source!r}"
                field = (*at, "caught_by", place)
                raise located.error(field, message + suggest_name(rule, rules))
        for place, text in enumerate(canary.texts):
            _check_text(text, (*at, "texts", place), located)
            if text in canary.texts[:place]:
                raise located.error((*at, "texts", place), "is given twice")
        for place, probe in enumerate(canary.probes):
            _check_probe(probe, (*at, "probes", place), located)
            if canary.texts:
                _require_planted(probe, canary.texts, (*at, "probes", place), located)


def check_planted(study: Study, items: Sequence[Item]) -> int:
    """Refuse texts that two canaries share, that hold an evaluation item, or that no file gives.

    Returns:
        How many documents are planted.

    Raises:
        AlignmentError: names file and line, or field.
    """
    if not study.declaration.canaries:
        return 0
    located = read_yaml(study_file(study))
    found, planted = ItemIndex(items), dict[str, str]()
    for index, canary in enumerate(study.declaration.canaries):
        at = ("canaries", index)
        try:
            documents = planted_documents(canary, study.assets)
        except DataError as error:
            raise located.error((*at, "file"), str(error)) from None
        for identity, row in documents:
            field = (*at, "texts", row.line - 1) if canary.texts else (*at, "file")
            where = "" if canary.texts else f"text {row.line}: "
            if other := planted.get(identity):
                raise located.error(field, f"{where}is planted by {other} too")
            planted[identity] = f"the canary {canary.name!r} (text {row.line})"
            if item := found.first_found(row.text):
                suite = next(one.suite for one in items if one.item_id == item)
                message = (
                    f"{where}holds an evaluation item of suite {suite!r}: a model that learnt it "
                    "would be measured on it (the report measures what the contamination check "
                    "finds without planting)"
                )
                raise located.error(field, message)
        texts = [row.text for _, row in documents]
        for place, probe in enumerate(canary.probes):
            _require_planted(probe, texts, (*at, "probes", place), located)
    return len(planted)


def rules_over(study: Study, canary: Canary) -> list[str]:
    """The rules that can drop a canary's documents, under any recipe."""
    group = study.source(canary.source).group
    declared = [*study.declaration.drop, *(rule for one in study.recipes for rule in one.drop)]
    named = [one.rule for one in declared if one.groups is None or group in one.groups]
    owned = OF_COPIES if study.declaration.near_duplicates is not None else OF_COPIES[:1]
    return list(dict.fromkeys([*named, *owned]))


def _check_source(canary: Canary, field: FieldPath, study: Study, located: Located) -> None:
    names = [source.name for source in study.with_role("corpus")]
    if canary.source not in names:
        message = f"unknown source of the role `corpus`: {canary.source!r}"
        raise located.error(field, message + suggest_name(canary.source, names))
    for classifier in study.classifiers:
        if canary.source in classifier.source_names:
            message = (
                f"the classifier {classifier.name!r} learns from {canary.source!r}: "
                "it would take what is planted there for examples"
            )
            raise located.error(field, message)


def _check_text(text: str, field: FieldPath, located: Located) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise located.error(field, "holds half of a surrogate pair") from None
    if is_blank(text):
        raise located.error(field, "the text is empty")


def _check_probe(probe: Probe, field: FieldPath, located: Located) -> None:
    named: dict[FieldPath, str] = {
        ("prompt",): probe.prompt,
        ("completion",): probe.completion,
        **{("alternatives", n): text for n, text in enumerate(probe.alternatives)},
    }
    for place, text in named.items():
        _check_text(text, (*field, *place), located)
        if text != text.strip():
            message = "white space at an end: one space is put between prompt and completion"
            raise located.error((*field, *place), message)
    for number, text in enumerate(probe.alternatives):
        if text in probe.candidates[: number + 1]:
            raise located.error((*field, "alternatives", number), "is given twice")


def _require_planted(
    probe: Probe, texts: Sequence[str], field: FieldPath, located: Located
) -> None:
    said = f"{probe.prompt} {probe.completion}"
    if not any(said in text for text in texts):
        message = "none of the canary's texts holds the prompt, a space and this"
        raise located.error((*field, "completion"), message)
    for place, other in enumerate(probe.alternatives):
        if any(f"{probe.prompt} {other}" in text for text in texts):
            message = "a text of the canary says this too: it is no alternative"
            raise located.error((*field, "alternatives", place), message)
