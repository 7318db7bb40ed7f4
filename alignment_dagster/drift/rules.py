"""The declared drop rules that a source's documents come under."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from alignment_dagster.study import DropRule, Source, Study
from alignment_dagster.study.conditions import METADATA


@dataclass(frozen=True)
class Rule:
    """A drop rule's test: a score strictly above, or strictly below, a bound."""

    name: str
    scorer: str
    column: str
    above: bool
    bound: float

    @property
    def title(self) -> str:
        """The rule and what it tests; recipes may declare other bounds under one name."""
        side = "above" if self.above else "below"
        return f"{self.name}: {self.scorer}.{self.column} {side} {self.bound:g}"


@dataclass(frozen=True)
class Rules:
    """Those of the study and of its recipes, as they are declared."""

    study: tuple[DropRule, ...]
    recipes: Mapping[str, tuple[DropRule, ...]]
    """Recipe → its own rules; recipes without any are left out."""

    def distinct(self) -> tuple[Rule, ...]:
        """Each test once, however many recipes declare it."""
        declared = [*self.study, *(rule for rules in self.recipes.values() for rule in rules)]
        return tuple(dict.fromkeys(test for one in declared for test in _comparisons(one)))


def declared_rules(study: Study, source: Source) -> Rules:
    """The study's rules and, for what can be pretrained on, the recipes'."""
    recipes = study.recipes if source.role == "corpus" else ()
    own = {recipe.name: _rules_of(recipe.drop, source) for recipe in recipes}
    named = {name: rules for name, rules in own.items() if rules}
    return Rules(_rules_of(study.declaration.drop, source), named)


def _rules_of(rules: Iterable[DropRule], source: Source) -> tuple[DropRule, ...]:
    return tuple(one for one in rules if one.groups is None or source.group in one.groups)


def _comparisons(declared: DropRule) -> Iterator[Rule]:
    """What it compares with numbers; what is made of them by and, or, not is left out."""
    for one in declared.comparisons():
        if one.bound is not None and one.scorer != METADATA:
            above = one.operator == "above"
            yield Rule(declared.rule, one.scorer, one.column, above, one.bound)
