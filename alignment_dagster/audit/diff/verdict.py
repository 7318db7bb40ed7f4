"""What a comparison comes to in plain sentences: what differs, and to what a change is due."""

from collections.abc import Iterator, Sequence

from alignment_dagster.audit.diff.comparison import Comparison
from alignment_dagster.audit.diff.differences import Difference
from alignment_dagster.audit.diff.side import OWN

MAX_NAMED = 6
"""Things that a sentence names; the tree below has all."""


def write_sentences(comparison: Comparison) -> list[str]:
    """The verdict, then what the numbers were compared on."""
    if comparison.is_empty:
        return [_explain_nothing(comparison)]
    measured = comparison.numbers
    clear = sum(one.p_holm < 0.05 for one in measured.changes)
    return [
        _explain_change(comparison),
        *_list_others(comparison),
        f"Of {measured.compared:,} numbers that both sides have, {len(measured.changes):,} "
        f"changed, {clear:,} by more than chance explains (p < .05 after Holm's correction over "
        f"all that changed); {len(measured.same):,} are the same to the bit.",
        *_list_left_out(comparison),
    ]


OF_RECIPE = (("treat",), ("reward",), ("objective",), ("decoding",), ("trunk",))
"""What mix and checkpoint say of the recipe by themselves."""


def list_warnings(comparison: Comparison) -> list[str]:
    """What must not be overlooked."""
    said = [f"{one}: the nearest to the report is compared." for one in comparison.ambiguous]
    if comparison.is_backwards:
        said.append("The first report is the later one: the changes are those of going back.")
    said += [
        f"{one.title}. What cannot be made again cannot be attributed to anything."
        for one in comparison.causes.differences
        if one.kind == "unexplained"
    ]
    if comparison.recipes:
        other = [one for one in comparison.causes.differences if not _is_of_recipe(one)]
        if other:
            said.append(
                f"The recipes are not all that differs between {comparison.before.title} and "
                f"{comparison.after.title}: also {_join_named(other)}."
            )
        if comparison.seeds[0] != comparison.seeds[1]:
            said.append(f"The recipes were measured with other seeds: {_format_seeds(comparison)}.")
    return said


def find_sole_cause(comparison: Comparison) -> str | None:
    """The one thing that a change of the numbers is due to; None where there is none or several."""
    sole = comparison.causes.sole
    return None if sole is None else sole.title


def _explain_nothing(comparison: Comparison) -> str:
    if comparison.before.report.label == comparison.after.report.label and not comparison.recipes:
        return "Nothing differs: this is one and the same report."
    return (
        f"Nothing differs: all {comparison.causes.pairs} artifacts behind both have the same "
        "declarations, code, environment and bytes."
    )


def _explain_change(comparison: Comparison) -> str:
    causes = comparison.causes
    reaching = causes.reaching
    if not causes.measurements:
        return "No measurement lies on both sides: no number can be compared."
    if not causes.moved:
        return (
            f"None of the {causes.measurements} measurements that both sides have differs in a "
            "bit: whatever differs moved no number that can be compared."
        )
    if not reaching:
        return f"{causes.moved} measurements differ, and no record says why."
    if (sole := causes.sole) is not None:
        return (
            f"One thing differs that can have moved the numbers: {sole.sentence}. Their change is "
            "attributable to it; whether other seeds and scenarios would show it too, the "
            "intervals say."
        )
    count = "One thing differs" if len(reaching) == 1 else f"{len(reaching)} things differ"
    return (
        f"{count} that can have moved the numbers: {_join_named(reaching)}. No change can be "
        f"attributed to one of them.{_name_whole(reaching)}"
    )


def _name_whole(reaching: Sequence[Difference]) -> str:
    about = {one.about for one in reaching}
    if len(about) > 1 or reaching[0].kind not in ("declaration", "code"):
        return ""
    return f" All of them are the {about.pop()}: to it as a whole the change is attributable."


def _list_others(comparison: Comparison) -> Iterator[str]:
    if others := comparison.causes.others:
        things = "thing differs" if len(others) == 1 else "things differ"
        yield (
            f"{len(others)} more {things} but cannot have moved them, since no measurement that "
            f"changed was made from it: {_join_named(others)}."
        )
    if not comparison.recipes and comparison.seeds[0] != comparison.seeds[1]:
        yield f"The seeds differ: {_format_seeds(comparison)}."


def _list_left_out(comparison: Comparison) -> Iterator[str]:
    measured = comparison.numbers
    for left in measured.left_out:
        parts = [
            f"seed {', '.join(map(str, seeds))} (only {side.title})"
            for seeds, side in zip(left.seeds, (comparison.before, comparison.after), strict=True)
            if seeds
        ]
        if any(left.items):
            parts.append(f"{left.items[0]:,} and {left.items[1]:,} items and held-out documents")
        if any(left.rows):
            parts.append(f"in all {left.rows[0]:,} and {left.rows[1]:,} answers and losses a seed")
        named = "" if comparison.recipes else f" of recipe {left.recipe}"
        yield f"Left out{named}, since only one side has them: {'; '.join(parts)}."
    for recipes, side in zip(measured.recipes, (comparison.before, comparison.after), strict=True):
        if recipes:
            yield f"Recipes that only {side.title} has: {', '.join(recipes)}."
    if measured.redefined:
        yield f"Suites that count something else now: {', '.join(measured.redefined)}."


def _join_named(found: Sequence[Difference]) -> str:
    names = [one.sentence for one in found[:MAX_NAMED]]
    more = f"; and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    return "; ".join(names) + more


def _format_seeds(comparison: Comparison) -> str:
    old, new = (", ".join(map(str, seeds)) or "none" for seeds in comparison.seeds)
    return f"{old} in {comparison.before.title}, {new} in {comparison.after.title}"


def _is_of_recipe(one: Difference) -> bool:
    own = one.path[:2] == ("recipes", OWN) or one.path[:1] in OF_RECIPE
    return one.kind == "declaration" and own
