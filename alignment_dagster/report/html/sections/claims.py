"""What the study claimed, and what came out."""

from alignment_dagster.report.html.content import ClaimCard, Claims, Section
from alignment_dagster.report.html.text import count, number, p_value, spaced, span
from alignment_dagster.report.names import row_name
from alignment_dagster.report.rows import ClaimRow, ReportData

SIGNS = {"supported": "\u2713", "refuted": "\u2717", "undecided": "?"}
INTRO = (
    "Each claim was declared as part of the study and is judged by its 95 % interval: supported "
    "where the whole interval bears it out, refuted where the whole interval speaks against it, "
    "undecided otherwise. A claim counts as declared before training where every checkpoint "
    "behind it recorded the claim's digest when it was trained."
)


def section(data: ReportData) -> Section:
    """A card for each claim."""
    cards = tuple(_claim_card(row) for row in data.claims)
    return Section("claims", "Claims and verdicts", INTRO, (Claims(cards),) if cards else ())


def _claim_card(row: ClaimRow) -> ClaimCard:
    effect = number(row.value, 3, signed=True)
    inside = span(row.ci_low, row.ci_high, 3, signed=True)
    measured = (
        ("difference" if row.within is not None else "effect as claimed", effect),
        ("95 % interval", inside or "none"),
        ("p", p_value(row.p_value)),
        ("p, Holm-corrected", p_value(row.p_holm)),
    )
    evidence = (
        ("claimed", _claim_text(row)),
        ("where", _scope_text(row)),
        *((("reason", row.reason),) if row.reason else measured),
        ("declared before", f"{row.declared_before} of {count(row.checkpoints, 'checkpoint')}"),
    )
    sign = SIGNS.get(row.verdict, "?")
    return ClaimCard(
        spaced(row.name),
        row.statement,
        row.verdict,
        sign,
        row.sentence,
        _late_warning(row),
        row_name(row),
        evidence,
    )


def _claim_text(row: ClaimRow) -> str:
    """The claim as it was declared."""
    if row.within is not None:
        return f"{_between(row, 'equivalent to')}, within ±{number(row.within, 2)}"
    bound = f" by at least {number(row.by_at_least, 2)}" if row.by_at_least else ""
    return f"{_between(row, f'{row.relation} than')}{bound}"


def _between(row: ClaimRow, words: str) -> str:
    return f"{spaced(row.recipe)} {words} {spaced(row.than)}"


def _scope_text(row: ClaimRow) -> str:
    prompt = "" if row.prompt == "none" else f", system prompt {spaced(row.prompt)}"
    attack = f", under attack: {spaced(row.attack)}" if row.attack else ""
    return f"{spaced(row.suite)}, {spaced(row.stage)}{prompt}{attack}"


def _late_warning(row: ClaimRow) -> str:
    """A warning where the claim was not known to every checkpoint; empty where it was."""
    if row.declared_before >= row.checkpoints:
        return ""
    known = f"{row.declared_before} of {count(row.checkpoints, 'checkpoint')}"
    return f"Added after training: only {known} recorded this claim."
