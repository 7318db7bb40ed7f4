"""The partitions of a study's assets: its sources, classifiers, recipes, or recipes by seeds."""

from collections.abc import Callable, Mapping, Sequence

from alignment_dagster.chain import By
from alignment_dagster.lineage.partition_keys import replicate
from alignment_dagster.study import Study


def by_source(study: Study) -> tuple[str, ...]:
    """One partition a source."""
    return tuple(source.name for source in study.sources)


def by_classifier(study: Study) -> tuple[str, ...]:
    """One partition a classifier."""
    return tuple(classifier.name for classifier in study.classifiers)


def by_recipe(study: Study) -> tuple[str, ...]:
    """One partition a recipe."""
    return tuple(recipe.name for recipe in study.recipes)


def by_replicate(study: Study) -> tuple[str, ...]:
    """One partition a recipe and seed."""
    return _with_seeds(study, by_recipe(study))


def by_trunk(study: Study) -> tuple[str, ...]:
    """The same, of the recipes that others branch from."""
    return _with_seeds(study, study.trunk_recipes)


def _with_seeds(study: Study, recipes: Sequence[str]) -> tuple[str, ...]:
    seeds = study.declaration.seeds
    return tuple(replicate(recipe, seed) for recipe in recipes for seed in seeds)


KEYS: Mapping[By, Callable[[Study], tuple[str, ...]]] = {
    By.STUDY: lambda _study: (),
    By.SOURCE: by_source,
    By.CLASSIFIER: by_classifier,
    By.RECIPE: by_recipe,
    By.REPLICATE: by_replicate,
    By.TRUNK: by_trunk,
}
"""The keys of each kind of partition; none for what is one thing in a study."""
