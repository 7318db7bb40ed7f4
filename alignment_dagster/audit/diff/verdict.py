"""What a comparison comes to in plain sentences: what differs, and to what a change is due."""

from collections.abc import Iterator, Sequence

from alignment_dagster.audit.diff.comparison import Comparison
from alignment_dagster.audit.diff.differences import Difference
from alignment_dagster.audit.diff.side import OWN

NAMED = 6
"""Things that a sentence names; the tree below has all."""


def sentences(found: Comparison) -> list[str]:
    """The verdict, then what the numbers were compared on."""
    if found.nothing:
        return [_nothing(found)]
    measured = found.measured
    clear = sum(one.p_holm < 0.05 for one in measured.changes)
    return [
        _verdict(found),
        *_rest(found),
        f"Of {measured.numbers:,} numbers that both sides have, {len(measured.changes):,} changed, "
        f"{clear:,} by more than chance explains (p < .05 after Holm's correction over all that "
        f"changed); {measured.identical:,} are the same to the bit.",
        *_left_out(found),
    ]


def warnings(found: Comparison) -> list[str]:
    """What must not be overlooked."""
    said = [f"{one}: the nearest to the report is compared." for one in found.several]
    if found.backwards:
        said.append("The first report is the later one: the changes are those of going back.")
    said += [
        f"{one.title}. What cannot be made again cannot be attributed to anything."
        for one in found.causes.differences
        if one.kind == "unexplained"
    ]
    if found.recipes:
        other = [one for one in found.causes.differences if not _of_recipe(one)]
        if other:
            said.append(
                f"The recipes are not all that differs between {found.before.title} and "
                f"{found.after.title}: also {_named(other)}."
            )
        if found.seeds[0] != found.seeds[1]:
            said.append(f"The recipes were measured with other seeds: {_seeds(found)}.")
    return said


def attributable(found: Comparison) -> str | None:
    """The one thing that a change of the numbers is due to; None where there is none or several."""
    sole = found.causes.sole
    return None if sole is None else sole.title


def _nothing(found: Comparison) -> str:
    if found.before.report.label == found.after.report.label and not found.recipes:
        return "Nothing differs: this is one and the same report."
    return (
        f"Nothing differs: all {found.causes.pairs} artifacts behind both have the same "
        "declarations, code, environment and bytes."
    )


def _verdict(found: Comparison) -> str:
    causes = found.causes
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
        f"{count} that can have moved the numbers: {_named(reaching)}. No change can be "
        f"attributed to one of them.{_as_a_whole(reaching)}"
    )


def _as_a_whole(reaching: Sequence[Difference]) -> str:
    about = {one.about for one in reaching}
    if len(about) > 1 or reaching[0].kind not in ("declaration", "code"):
        return ""
    return f" All of them are the {about.pop()}: to it as a whole the change is attributable."


def _rest(found: Comparison) -> Iterator[str]:
    if others := found.causes.others:
        things = "thing differs" if len(others) == 1 else "things differ"
        yield (
            f"{len(others)} more {things} but cannot have moved them, since no measurement that "
            f"changed was made from it: {_named(others)}."
        )
    if not found.recipes and found.seeds[0] != found.seeds[1]:
        yield f"The seeds differ: {_seeds(found)}."


def _left_out(found: Comparison) -> Iterator[str]:
    measured = found.measured
    for left in measured.left_out:
        parts = [
            f"seed {', '.join(map(str, seeds))} (only {side.title})"
            for seeds, side in zip(left.seeds, (found.before, found.after), strict=True)
            if seeds
        ]
        if any(left.items):
            parts.append(f"{left.items[0]:,} and {left.items[1]:,} items and held-out documents")
        if any(left.rows):
            parts.append(f"in all {left.rows[0]:,} and {left.rows[1]:,} answers and losses a seed")
        named = "" if found.recipes else f" of recipe {left.recipe}"
        yield f"Left out{named}, since only one side has them: {'; '.join(parts)}."
    for recipes, side in zip(measured.recipes, (found.before, found.after), strict=True):
        if recipes:
            yield f"Recipes that only {side.title} has: {', '.join(recipes)}."
    if measured.redefined:
        yield f"Suites that count something else now: {', '.join(measured.redefined)}."


def _named(found: Sequence[Difference]) -> str:
    names = [one.sentence for one in found[:NAMED]]
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "; ".join(names) + more


def _seeds(found: Comparison) -> str:
    old, new = (", ".join(map(str, seeds)) or "none" for seeds in found.seeds)
    return f"{old} in {found.before.title}, {new} in {found.after.title}"


def _of_recipe(one: Difference) -> bool:
    return one.kind == "declaration" and one.path[:2] == ("recipes", OWN)
