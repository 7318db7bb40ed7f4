"""Whether a recipe's treatments and objective fit each other, the study, and the vocabulary."""

from collections.abc import Callable

from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.yaml_models import FieldPath, Located
from alignment_dagster.study import Recipe, Study
from alignment_dagster.study.conditions import METADATA, Condition
from alignment_dagster.study.decoding import TagAvoiding
from alignment_dagster.study.objectives import Reward, Unlikelihood
from alignment_dagster.study.treatments import Place, Treatment, phase_places
from alignment_dagster.study.vocabulary import HIDDEN, SPECIAL_TOKENS

CheckCondition = Callable[[Condition, FieldPath], None]


def check_treatments(
    recipe: Recipe, study: Study, located: Located, check_condition: CheckCondition
) -> None:
    """Refuse what cannot be done.

    Args:
        check_condition: refuses a comparison of a column that there is not.

    Raises:
        DeclarationError: names file, line and field.
    """
    rules: list[str] = []
    for index, one in enumerate(recipe.treat):
        field: FieldPath = ("treat", index)
        if one.rule in rules:
            raise located.error((*field, "rule"), f"another treatment has the rule {one.rule!r}")
        rules.append(one.rule)
        for scorer, _ in one.columns:
            _check_sentences(one.per, scorer, field, located)
        if one.when is not None:
            check_condition(one.when, (*field, "when"))
        _check_sources(one, field, recipe, study, located)
        _check_phase(one, field, recipe, study, located)
        if one.at is not None:
            _check_place(one, one.at, field, study, located)
        for name in ("tag", "otherwise"):
            if getattr(one, name) in (*SPECIAL_TOKENS, HIDDEN):
                message = f"{getattr(one, name)} is already in the vocabulary: choose another"
                raise located.error((*field, name), message)
        if one.do == "unlearn" and not isinstance(recipe.objective, Unlikelihood):
            message = "`unlearn` needs the objective `unlikelihood`"
            raise located.error((*field, "do"), message)
    _check_objective(recipe, located, check_condition)


def _check_sources(
    treatment: Treatment, field: FieldPath, recipe: Recipe, study: Study, located: Located
) -> None:
    known = [one.name for one in study.with_role("corpus") if one.group in recipe.shares]
    for position, name in enumerate(treatment.sources or ()):
        if name not in known:
            message = f"no source of the recipe's groups is called {name!r}"
            at = (*field, "sources", position)
            raise located.error(at, message + suggest_name(name, known))


def _check_phase(
    treatment: Treatment, field: FieldPath, recipe: Recipe, study: Study, located: Located
) -> None:
    if not recipe.phases or (treatment.begin, treatment.end) == (0.0, 1.0):
        return
    mix = study.mix(recipe.name)
    count = mix.tokens // mix.sequence_length
    begin, end = phase_places((treatment.begin, treatment.end), count)
    if begin == end:
        message = f"it treats nothing: between {treatment.begin:g} and {treatment.end:g} of its "
        raise located.error((*field, "begin"), f"{message}{count:,} sequences none lies")


def _check_place(
    treatment: Treatment, place: Place, field: FieldPath, study: Study, located: Located
) -> None:
    """Each of its sources keeps both columns."""
    for source in study.sources:
        for name in ("host", "offset") if source.name in (treatment.sources or ()) else ():
            column, kept = getattr(place, name), source.metadata_columns
            if column not in kept:
                message = f"the source {source.name!r} keeps no column {column!r}"
                raise located.error((*field, "at", name), message + suggest_name(column, kept))


def _check_sentences(per: str, scorer: str, field: FieldPath, located: Located) -> None:
    if per == "sentence" and scorer == METADATA:
        message = "what a source brought along is of documents, and not of sentences"
        raise located.error((*field, "per"), message)


def _check_objective(recipe: Recipe, located: Located, check_condition: CheckCondition) -> None:
    objective = recipe.objective
    if isinstance(objective, Unlikelihood) and all(one.do != "unlearn" for one in recipe.treat):
        message = "unlikelihood is of what a treatment unlearns, and none does"
        raise located.error(("objective", "kind"), message)
    tags = [tag for one in recipe.treat if one.do == "tag" for tag in one.tags]
    if recipe.prompt is not None and recipe.prompt not in tags:
        message = f"no treatment puts in {recipe.prompt}{suggest_name(recipe.prompt, tags)}"
        raise located.error(("objective", "prompt"), message)
    inserted = [tag for one in recipe.treat if one.do == "insert" for tag in one.tags]
    if isinstance(recipe.decoding, TagAvoiding) and recipe.decoding.tag not in inserted:
        tag = recipe.decoding.tag
        message = f"no treatment inserts {tag}{suggest_name(tag, inserted)}"
        raise located.error(("decoding", "tag"), message)
    if recipe.reward is not None:
        _check_sentences(recipe.reward.per, recipe.reward.scorer, ("objective", "reward"), located)
        check_condition(_as_comparison(recipe.reward), ("objective", "reward"))


def _as_comparison(reward: Reward) -> Condition:
    """A comparison that is possible where the reward is a number that there is."""
    return Condition(scorer=reward.scorer, column=reward.column, above=0.5)
