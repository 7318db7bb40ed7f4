"""Parts of a page that several cards have."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alignment_dagster import chain
from alignment_dagster.audit.review_nodes import describe_verdict
from alignment_dagster.release.cards.facts import Facts, MixFacts
from alignment_dagster.release.cards.markdown import Code, bullets, code, table, text
from alignment_dagster.report.verdicts import claim_verdicts, effect_text

CHECKED = "alignment audit check"


def origin(facts: Facts) -> list[str]:
    """Which report this was generated from, by which code, and who decided what about it."""
    report = facts.report
    return [
        f"Generated from provenance and ledgers of {code(report.label)}: nothing about data or "
        f"results was typed by hand. `alignment audit trace {facts.study} METRIC` shows what "
        "stands behind a number.",
        "",
        *bullets(
            {
                "report's content, SHA-256": Code(report.digest),
                "report's signed record, SHA-256": Code(report.record),
                "made": report.provenance.started,
                "last decision": describe_verdict(facts.reviews) or "not reviewed",
            }
        ),
        *_reviews(facts),
    ]


def _reviews(facts: Facts) -> list[str]:
    rows = [
        (one.number, one.decision, one.reviewer, one.time, one.note, Code(one.signed_by[:16]))
        for one in facts.reviews
    ]
    columns = ("review", "decision", "reviewer", "time", "note", "key")
    return table(columns, rows) if rows else []


def sources(facts: Facts, names: Sequence[str] | None = None) -> list[str]:
    """The sources as they were declared and read."""
    rows = [
        (
            Code(one.name),
            str(one.declared["role"]),
            Code(str(one.declared["group"])),
            one.licence,
            one.documents,
            one.characters,
            one.rows,
            str(one.declared["description"]),
        )
        for one in facts.sources
        if names is None or one.name in names
    ]
    columns = (
        "source", "role", "group", "licence", "documents", "characters", "rows", "description",
    )  # fmt: skip
    return table(columns, rows)


def written(facts: Facts, names: Sequence[str] | None = None) -> list[str]:
    """Who wrote the documents that were written for the study, and from which templates."""
    rows = [
        (
            Code(one.name),
            row["generator"],
            Code(row["model"]) if row["model"] else None,
            Code(row["reported_model"]) if row["reported_model"] else None,
            Code(row["form"]),
            row["documents"],
            row["prompts"],
            row["template_version"],
            Code(row["template"]),
        )
        for one in facts.sources
        for row in one.written
        if names is None or one.name in names
    ]
    columns = (
        "source", "generator", "model", "model as it answered", "form", "documents", "prompts",
        "version", "template, SHA-256",
    )  # fmt: skip
    told = "Documents of these sources were written for the study, and by no person:"
    return [told, "", *table(columns, rows)] if rows else []


def training_data(facts: Facts, recipe: str) -> list[str]:
    """What a recipe's models were trained on, and what was left out by which rule."""
    mix = facts.mix(recipe)
    own = replace(mix, disposed=[row for row in mix.disposed if row["use"] != "tampering"])
    trunk = mix.recipe.get("trunk")
    before = facts.mix(trunk["recipe"]) if trunk else None
    names = _source_names(facts, recipe, [mix, *([before] if before else [])])
    return [
        "## Training data",
        "",
        *sources(facts, names),
        *written(facts, names),
        *([_trunk(facts, recipe, before), ""] if before else []),
        *composition(facts, own),
    ]


def _trunk(facts: Facts, recipe: str, mix: MixFacts) -> str:
    """What the models read before their own mix, by the first of them."""
    base = next(one.base for one in facts.replicates if one.recipe == recipe)
    steps = int(base.provenance.declared["trunk"]["steps"])
    parts = ", ".join(f"{code(part['source'])} {part['packed_tokens']:,}" for part in mix.parts)
    return (
        f"Before, they took the first {steps:,} steps of the recipe {code(mix.name)}, on part of "
        f"the mix {code(mix.artifact.label)}, which holds {mix.tokens:,} tokens in all ({parts})."
    )


def _source_names(facts: Facts, recipe: str, mixes: Sequence[MixFacts]) -> list[str]:
    """The sources that have a token in the mixes, and those that post-training read."""
    named = {part["source"] for mix in mixes for part in mix.parts}
    post = [one.post for one in facts.replicates if one.recipe == recipe and one.post]
    named |= {
        parent.partition
        for one in post
        for parent in one.provenance.inputs.parents
        if parent.asset == chain.RAW_CORPUS
    }
    return [one.name for one in facts.sources if one.name in named]


def composition(facts: Facts, mix: MixFacts) -> list[str]:
    """Documents and tokens of a mix by source; the disposition of every document."""
    licences = {one.name: one.licence for one in facts.sources}
    total = mix.tokens or 1
    parts = [
        (
            Code(part["source"]),
            Code(part["group"]),
            licences.get(part["source"], "not recorded"),
            part["documents"],
            part["tokens"],
            part["packed_tokens"],
            part["packed_tokens"] / total,
            part["copies"],
        )
        for part in mix.parts
    ]
    columns = (
        "source", "group", "licence", "documents", "tokens", "tokens with repeats", "share",
        "times at most",
    )  # fmt: skip
    return [
        f"The mix {code(mix.artifact.label)} holds {mix.sequences:,} sequences of {mix.tokens:,} "
        "tokens in all:",
        "",
        *table(columns, parts),
        f"What became of every document under {code(mix.name)}, and by which rule:",
        "",
        *table(
            ("use", "state", "rule", "documents", "characters"),
            [
                (
                    row["use"],
                    row["state"],
                    Code(row["rule"]) if row["rule"] else None,
                    row["documents"],
                    row["characters"],
                )
                for row in mix.disposed
            ],
        ),
        *_rules(facts, mix),
    ]


def _rules(facts: Facts, mix: MixFacts) -> list[str]:
    """The declared rules: of the study, then of the recipe."""
    shared = [one.provenance.declared.get("drop", ()) for one in facts.of(chain.DISPOSITIONS)]
    rules = [*(rule for found in shared[:1] for rule in found), *mix.recipe["drop"]]
    rows = [
        (
            Code(rule["rule"]),
            Code(f"{rule['scorer']}.{rule['column']}"),
            rule["above"],
            rule["below"],
            ", ".join(rule["groups"] or ()) or "all",
        )
        for rule in rules
    ]
    columns = ("rule", "score", "dropped above", "dropped below", "groups")
    return ["The declared rules:", "", *table(columns, rows)] if rows else []


def claims(facts: Facts, recipe: str | None = None) -> list[str]:
    """What the study said before that it would find, and what it found."""
    declared = facts.findings["claims"]
    verdicts = claim_verdicts(declared)
    rows = [
        (
            Code(one["name"]),
            one["statement"],
            verdicts[one["name"]],
            _effect(one),
            str(one["sentence"] or one["reason"]),
        )
        for one in declared
        if recipe is None or recipe in (one["recipe"], one["than"])
    ]
    columns = ("claim", "statement", "verdict", "effect, 95 % interval", "found")
    return ["## Claims", "", *table(columns, rows)]


def _effect(claim: Mapping[str, Any]) -> str:
    if claim["reason"]:
        return "not measured"
    bounds = (claim["value"], claim["ci_low"], claim["ci_high"])
    return effect_text(claim["relation"], *bounds)


def limits(facts: Facts) -> list[str]:
    """What the study says that its numbers do not show."""
    declared = [f"- {text(str(one))}" for one in facts.declared["limits"]]
    declared += [
        f"- The canary {text(one['name'])} was planted in {text(one['source'])}: documents of the "
        "study's own, to audit what follows."
        for one in facts.declared.get("canaries", ())
    ]
    return ["## Limits", "", *(declared or ["The study declares none."]), ""]


def environment(facts: Facts) -> list[str]:
    """Commits, machine and packages as they were recorded."""
    commits = [(Code(one["commit"]), one["dirty"]) for one in facts.commits()]
    packages = [
        (number, name, version)
        for number, one in enumerate(facts.environments(), 1)
        for name, version in one.items()
    ]
    return [
        "## Code and environment",
        "",
        *table(("git commit", "changed since the commit"), commits),
        *table(("environment", "package", "version"), packages),
        f"`{CHECKED} {facts.study}` verifies every digest and signature behind this page.",
        "",
    ]
