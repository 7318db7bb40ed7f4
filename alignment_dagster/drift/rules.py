"""The declared drop rules that a source's documents come under."""

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


def rules_of(study: Study, source: Source) -> tuple[Rule, ...]:
    """The study's rules and, for what can be pretrained on, the recipes'; each once."""
    declared = list(study.declaration.drop)
    if source.role == "corpus":
        declared += [rule for recipe in study.recipes for rule in recipe.drop]
    named = [_rule(one) for one in declared if one.groups is None or source.group in one.groups]
    return tuple(dict.fromkeys(named))


def _rule(declared: DropRule) -> Rule:
    above = declared.above is not None
    bound = declared.above if declared.above is not None else declared.below
    return Rule(declared.rule, declared.scorer, declared.column, above, float(bound or 0.0))
