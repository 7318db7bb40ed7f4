"""What the study claimed, and what came out."""

from alignment_dagster.report.html.content import ClaimCard, Claims, Section
from alignment_dagster.report.html.text import count, number, p_value, spaced
from alignment_dagster.report.rows import ClaimRow, ReportData
from alignment_dagster.report.verdicts import effect_text, verdict_text

SIGNS = {"supported": "\u2713", "refuted": "\u2717", "undecided": "?"}
INTRO = (
    "Each claim was declared as part of the study and is judged by its 95 % interval: supported "
    "where the whole interval bears it out, refuted where the whole interval speaks against it, "
    "undecided otherwise. A claim that one recipe is not lower, or not higher, than another by as "
    "much as a margin is supported where the one-sided 95 % bound lies within that margin (a test "
    "of non-inferiority). p is of the claim by itself, and stands again after Holm's correction "
    "over all claims. A claim counts as declared before training where every checkpoint behind it "
    "recorded the claim's digest when it was trained."
)


def section(data: ReportData) -> Section:
    """A card for each claim."""
    tested = sum(not row.reason for row in data.claims)
    cards = tuple(_claim_card(row, tested) for row in data.claims)
    return Section("claims", "Claims and verdicts", INTRO, (Claims(cards),) if cards else ())


def _claim_card(row: ClaimRow, tested: int) -> ClaimCard:
    measured = (
        ("effect", effect_text(row.relation, row.value, row.ci_low, row.ci_high, 3)),
        ("over", f"{count(row.seeds, 'seed')}, {count(row.n, 'scenario')}"),
        ("p", p_value(row.p_value)),
        ("p, Holm", f"{p_value(row.p_holm)} over {count(tested, 'claim')}"),
    )
    evidence = (
        ("claimed", _claim_text(row)),
        ("where", _scope_text(row)),
        *((("reason", row.reason),) if row.reason else measured),
        ("declared before", f"{row.declared_before} of {count(row.checkpoints, 'checkpoint')}"),
    )
    return ClaimCard(
        spaced(row.name),
        row.statement,
        row.verdict,
        verdict_text(row.verdict, row.p_holm, tested),
        SIGNS.get(row.verdict, "?"),
        row.sentence,
        _late_warning(row),
        evidence,
    )


def _claim_text(row: ClaimRow) -> str:
    """The claim as it was declared."""
    if row.within is None:
        bound = f" by at least {number(row.by_at_least, 2)}" if row.by_at_least else ""
        return f"{_between(row, f'{row.relation} than')}{bound}"
    margin = number(row.within, 2)
    if row.relation == "equivalent":
        return f"{_between(row, 'equivalent to')}, within ±{margin}"
    return f"{_between(row, f'{spaced(row.relation)} than')} by as much as {margin}"


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
