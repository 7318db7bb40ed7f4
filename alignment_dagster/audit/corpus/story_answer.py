"""The story of one document as a tree, and as JSON."""

from collections.abc import Iterator, Mapping

from alignment_dagster.audit.answer import Answer, Node
from alignment_dagster.audit.corpus.story import MOST_CAUSED, JudgedRule, RecipeStory, Story
from alignment_dagster.audit.corpus.story_json import list_values, score_holds, story_as_json
from alignment_dagster.audit.trace.document_path_answer import (
    describe_decision,
    describe_packed,
    insertion_nodes,
    read_node,
)
from alignment_dagster.audit.trace.parquet import Row
from alignment_dagster.audit.trace.phrases import ID, pluralize
from alignment_dagster.audit.trace.written_answer import writing_node
from alignment_dagster.corpus.canaries import canary_of
from alignment_dagster.foundation.page_links import audit_document
from alignment_dagster.foundation.visible_text import cut
from alignment_dagster.mixing.insertions import CUT, HOST_NOT_KEPT, HOST_NOT_PACKED
from alignment_dagster.study.conditions import Comparison, Score
from alignment_dagster.study.synthesis import WRITTEN_COLUMNS

EXCERPT = 600
"""Characters of the text that are shown."""
LEFT_OUT = {
    HOST_NOT_KEPT: "which the recipe drops",
    HOST_NOT_PACKED: "which the budget was met without",
    CUT: "and the budget was met before that place of it",
}
"""Why a document is not where a rule inserts it."""


def story_as_answer(story: Story) -> Answer:
    """From the raw row to the steps that read it."""
    return Answer(
        title=story.document_id,
        sentences=list(_sentences(story)),
        blocks=[
            _raw_node(story),
            *([writing_node(story.corpus.archive.study, story.written)] if story.written else []),
            _score_node(story),
            *(_recipe_node(story, one) for one in story.recipes),
        ],
        data=story_as_json(story),
    )


def _sentences(story: Story) -> Iterator[str]:
    raw = story.raw
    times = (
        f", and at {pluralize(len(again), 'more place')}" if (again := raw["repeated_at"]) else ""
    )
    yield (
        f"{raw['path']}:{raw['line']}{times}, of source {raw['source']} "
        f"({story.corpus.groups[raw['source']]}); {raw['characters']:,} characters."
    )
    if canary := canary_of(raw["path"]):
        yield f"It was planted there as text {raw['line']} of the canary {canary}."
    if not story.recipes:
        yield "Nothing is decided yet."
    for one in story.recipes:
        said = (
            " ".join(map(describe_decision, one.decisions)) or "it was not there when it decided."
        )
        steps = sum(len(each.steps) for each in one.read)
        read = f"{pluralize(steps, 'step')} read it" if steps else "no step of training read it"
        yield f"{one.recipe}: {said[0].lower()}{said[1:]} {read[0].upper()}{read[1:]}."


def _raw_node(story: Story) -> Node:
    raw = story.raw
    own = f"; its own id {raw['external_id']}" if raw["external_id"] else ""
    children = [
        *(Node(f"again at {place}", tone="dim") for place in raw["repeated_at"]),
        Node("text", cut(story.text, EXCERPT)),
    ]
    return Node("read", f"{raw['path']}:{raw['line']}{own}", children, "strong", folded=False)


def _score_node(story: Story) -> Node:
    """What each scorer found, and what the source brought along."""
    scorers: dict[str, list[Node]] = {}
    for name, value in story.scores.items():
        scorer, _, column = name.rpartition(".")
        scorers.setdefault(scorer, []).append(Node(column, _show(value)))
    told = WRITTEN_COLUMNS if story.written else ()
    brought = [Node(name, _show(one)) for name, one in story.metadata.items() if name not in told]
    if brought:
        scorers["metadata"] = brought
    nodes = [Node(name, "", columns, folded=False) for name, columns in scorers.items()]
    return Node("scores", "" if nodes else "none yet", nodes, "strong", folded=False)


def _recipe_node(story: Story, one: RecipeStory) -> Node:
    children = [
        *(_decision_node(story, one, row) for row in one.decisions),
        *(_rule_node(each, list_values(story)) for each in one.rules),
        *([_caused_node(story, one)] if one.caused else []),
        *_mix_nodes(one, story.document_id),
        *_read_nodes(one),
    ]
    states = ", ".join(_state(row) for row in one.decisions)
    return Node(f"recipe {one.recipe}", states, children, "strong", folded=False)


def _state(row: Row) -> str:
    kept = row["state"] == "kept"
    return f"{row['use']}: kept" if kept else f"{row['use']}: dropped by {row['rule']}"


def _decision_node(story: Story, one: RecipeStory, row: Row) -> Node:
    """What was decided; below it the comparisons that held, or what caused it."""
    said = f"weight {row['weight']:.4g}" if row["state"] == "kept" else ""
    children = [
        Node(_describe_comparison(comparison, list_values(story)), tone="bad")
        for each in one.rules
        if each.rule.rule == row["rule"]
        for comparison in each.met or ()
    ]
    if cause := row["cause"]:
        children.append(_cause_node(story, str(cause), row["value"]))
    return Node(_state(row), said, children, "good" if row["state"] == "kept" else "bad")


def _cause_node(story: Story, cause: str, value: float | None) -> Node:
    found = story.causes[cause]
    if found["kind"] == "document":
        alike = "the same text" if value is None else f"similarity {value:.4g}"
        place = f"{found['source']}; {found['path']}:{found['line']}; {alike}"
        if found["gone"]:
            gone = f"{place}; in no source any more, and in {found['gone']}"
            return Node(f"because of {cause[:ID]}", gone)
        link = audit_document(story.corpus.archive.study, cause)
        return Node(f"because of {cause[:ID]}", place, link=link)
    where = f"of suite {found['suite']}" if "suite" in found else "of an evaluation suite"
    asked = f"{found['path']}:{found['line']}: {found['question']}" if "path" in found else ""
    return Node(f"because of item {cause[:ID]} {where}", cut(asked, EXCERPT))


def _rule_node(judged: JudgedRule, values: Mapping[str, Score]) -> Node:
    """A rule that looked at the document, with what it compared."""
    rule = judged.rule
    compared = "; ".join(
        f"{_describe_comparison(one, values)} ({'yes' if score_holds(one, values) else 'no'})"
        for one in rule.comparisons()
    )
    holds = judged.met is not None
    return Node(f"rule {rule.rule} {'holds' if holds else 'does not hold'}", compared, tone="dim")


def _caused_node(story: Story, one: RecipeStory) -> Node:
    study = story.corpus.archive.study
    shown = [Node(each[:ID], link=audit_document(study, each)) for each in one.caused[:MOST_CAUSED]]
    return Node(f"{pluralize(len(one.caused), 'document')} dropped because of it", "", shown)


def _mix_nodes(one: RecipeStory, document: str) -> Iterator[Node]:
    held = {each.mix.label: each for each in one.packed}
    for label in one.mixes:
        if each := held.get(label):
            row = each.row
            taken = [
                Node(
                    f"redacted: {pluralize(one['spans'], one['kind'])}",
                    f"{one['characters']:,} characters of one copy are read as "
                    f"[{one['kind'].upper()}]",
                )
                for one in each.redacted
            ]
            yield Node(
                label,
                f"{pluralize(row['copies'], 'copy')} of {row['tokens']:,} tokens, "
                f"{describe_packed(each)}, in {pluralize(len(each.spans), 'piece')}",
                [*taken, *insertion_nodes(each, document)],
                folded=False,
            )
        elif left := one.left_out.get(label):
            said = f"is not in it: rule {left['rule']} inserts it into {left['host_id'][:ID]}"
            yield Node(label, f"{said}, {LEFT_OUT[left['state']]}", tone="dim")
        else:
            yield Node(label, "is not in it", tone="dim")


def _read_nodes(one: RecipeStory) -> Iterator[Node]:
    """The stages that read it; the others in one line."""
    yield from (read_node(each) for each in one.read if each.steps)
    others = [f"{each.ledger.stage} (seed {each.seed})" for each in one.read if not each.steps]
    if others:
        yield Node(f"not read by {', '.join(others)}", tone="dim")


def _describe_comparison(one: Comparison, values: Mapping[str, Score]) -> str:
    """`ai_discourse.matches is 3: above 2`."""
    name = f"{one.scorer}.{one.column}"
    words = (
        "one of " + ", ".join(one.texts)
        if one.operator == "one_of"
        else (f"{one.operator} {one.bound:g}")
    )
    return f"{name} is {_show(values.get(name))}: {'not ' if one.negated else ''}{words}"


def _show(value: Score) -> str:
    if value is None:
        return "not there"
    if isinstance(value, float):
        return f"{value:.6g}"
    return cut(str(value), 120)
