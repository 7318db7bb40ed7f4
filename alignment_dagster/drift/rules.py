"""The declared drop rules that a source's documents come under."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alignment_dagster.study import DropRule, Source, Study


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
        return tuple(dict.fromkeys(_rule(one) for one in declared))


def declared_rules(study: Study, source: Source) -> Rules:
    """The study's rules and, for what can be pretrained on, the recipes'."""
    recipes = study.recipes if source.role == "corpus" else ()
    own = {recipe.name: _rules_of(recipe.drop, source) for recipe in recipes}
    named = {name: rules for name, rules in own.items() if rules}
    return Rules(_rules_of(study.declaration.drop, source), named)


def _rules_of(rules: Iterable[DropRule], source: Source) -> tuple[DropRule, ...]:
    return tuple(one for one in rules if one.groups is None or source.group in one.groups)


def _rule(declared: DropRule) -> Rule:
    above = declared.above is not None
    bound = declared.above if declared.above is not None else declared.below
    return Rule(declared.rule, declared.scorer, declared.column, above, float(bound or 0.0))
