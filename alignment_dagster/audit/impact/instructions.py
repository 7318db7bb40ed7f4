"""What a person has to do to withdraw the data."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from alignment_dagster.audit.impact.blast_radius import Impact
from alignment_dagster.audit.impact.written import GENERATOR, MODEL, WrittenBy
from alignment_dagster.audit.trace.phrases import pluralize

MAX_SHOWN = 20
GRAMMAR = "grammar"


def list_instructions(impact: Impact) -> list[str]:
    """The rows to remove, what else to change, the command, and what stays afterwards."""
    if not impact.raw.files:
        return ["nothing to remove: the current corpus does not hold it"]
    return [*_list_removals(impact), *_list_other_edits(impact), *_list_remains(impact)]


def _list_removals(impact: Impact) -> Iterator[str]:
    whole = impact.whole
    for source in sorted(whole.keys() & _find_declarations(impact)):
        why = f": it rewrites {whole[source]}" if whole[source] else ""
        yield (
            f"take source {source} out of `sources` in the declaration of study {impact.study}{why}"
        )
    for role in _find_emptied_roles(impact):
        yield f"(no source of the role {role} would be left: name another, or it cannot be run)"
    yield from _list_writers(impact)
    rows = [row for row in impact.raw.documents if row["source"] not in whole]
    rows = [row for row in rows if row["document_id"] not in impact.withdrawn.rewritten]
    for row in rows[:MAX_SHOWN]:
        kind = _find_declarations(impact)[row["source"]]["reader"]["kind"]
        verb = (
            "change the generator's arguments so that it does not write"
            if kind in ("generated", "synthetic")
            else "remove"
        )
        yield f"{verb} {', '.join(list_places(row))} ({row['source']})"
    if len(rows) > MAX_SHOWN:
        yield f"and the rows of {len(rows) - MAX_SHOWN:,} more documents (`--json` names all)"


def _list_writers(impact: Impact) -> Iterator[str]:
    """What to change in the declarations of sources, so that nothing is written so any more."""
    declared, rewritten = _find_declarations(impact), Counter[str]()
    for one in impact.withdrawn.written:
        for source in sorted((one.forms.keys() & declared) - impact.whole.keys()):
            generator = declared[source]["reader"]["generator"]["kind"]
            yield _describe_edit(one, source, generator == GRAMMAR)
    for row in impact.raw.documents:
        if row["document_id"] in impact.withdrawn.rewritten and row["source"] not in impact.whole:
            rewritten[row["source"]] += 1
    for source, count in sorted(rewritten.items()):
        said = pluralize(count, "document")
        yield f"({said} of {source} go by themselves: they were rewritten from what goes)"


def _describe_edit(one: WrittenBy, source: str, by_grammar: bool) -> str:
    if one.kind == MODEL:
        return f"name another model in `reader.generator` of source {source}"
    if one.kind == GENERATOR:
        return f"choose another `reader.generator` for source {source}"
    forms = one.forms[source]
    left_out = f"take {', '.join(forms)} out of `reader.forms` of source {source}"
    if by_grammar:
        return left_out
    files = ", ".join(f"assets/prompts/{form}.yaml" for form in forms)
    return f"correct {files} and raise its `version`, or {left_out}"


def _find_emptied_roles(impact: Impact) -> list[str]:
    """The roles whose sources all go."""
    left: dict[str, bool] = {}
    for one in impact.corpus:
        role = one.provenance.declared["role"]
        left[role] = left.get(role, False) or one.partition not in impact.whole
    return sorted(role for role, some in left.items() if not some)


def list_places(row: dict[str, Any]) -> list[str]:
    """Every `file:line` at which a document stands."""
    return [f"{row['path']}:{row['line']}", *row["repeated_at"]]


def _list_other_edits(impact: Impact) -> Iterator[str]:
    for source, declared in sorted(_find_declarations(impact).items()):
        if declared.get("sha256") and source not in impact.whole:
            yield f"update `sha256` of source {source}: it pins the files as they are"
    yield (
        "(a rule under `drop` that its scores meet keeps it out of the mixes too, but leaves the "
        "rows in the corpus, in the vocabulary and in held-out losses)"
    )


def _list_remains(impact: Impact) -> Iterator[str]:
    yield f"alignment run {impact.study}"
    yield f"alignment audit diff {impact.study} {impact.report.version} (against the new report)"
    yield (
        "the artifacts that were made before stay in the lake, with their weights, until their "
        "folders are removed"
    )


def _find_declarations(impact: Impact) -> dict[str, dict[str, Any]]:
    """Source → its declaration, of those that lose rows."""
    losing = {row["source"] for row in impact.raw.files}
    return {
        one.partition or "": one.provenance.declared
        for one in impact.corpus
        if one.partition in losing
    }
