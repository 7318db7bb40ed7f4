"""How many tokens each group of a recipe fills, and what takes the place of what was dropped."""

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.study import Mix, Recipe, ReplacementGroup
from alignment_dagster.study.recipes import OWNED_RULES


def token_budget(dispositions: Path, recipe: Recipe, mix: Mix) -> dict[str, float]:
    """Group → tokens.

    Where more of the rest replaces what declared rules drop, each group has its declared share of
    the budget. Else a group is short by the share of its characters that they drop: the mix is as
    much shorter, or the named group as much larger.
    """
    declared = {group: share * mix.tokens for group, share in recipe.shares.items()}
    if recipe.replacement == "rest":
        return declared
    lost = _dropped_shares(dispositions)
    left = {group: tokens * (1.0 - lost.get(group, 0.0)) for group, tokens in declared.items()}
    if isinstance(recipe.replacement, ReplacementGroup):
        left[recipe.replacement.group] += sum(declared.values()) - sum(left.values())
    return left


def _dropped_shares(dispositions: Path) -> dict[str, float]:
    """Group → the share of its characters that declared rules drop of what the ledger's leave."""
    columns = ["group", "state", "rule", "use", "characters"]
    table = pq.read_table(dispositions, columns=columns)
    owned = pc.is_in(table["rule"], value_set=pc.cast(list(OWNED_RULES), "string"))
    table = table.filter(pc.and_(pc.equal(table["use"], "pretraining"), pc.invert(owned)))
    sums = table.group_by(["group", "state"]).aggregate([("characters", "sum")]).to_pylist()
    characters = {(row["group"], row["state"]): row["characters_sum"] for row in sums}
    groups = {group for group, _ in characters}
    return {
        group: dropped / (dropped + characters.get((group, "kept"), 0))
        for group in groups
        if (dropped := characters.get((group, "dropped"), 0))
    }
