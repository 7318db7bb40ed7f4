"""What the study claimed, and what came out."""

from alignment_dagster.report.html.content import (
    ClaimCard,
    Claims,
    Section,
    Text,
    Verdict,
    Verdicts,
)
from alignment_dagster.report.names import row_name
from alignment_dagster.report.rows import ClaimRow, ReportData
from alignment_dagster.report.text import DASH, count, number, p_value, spaced
from alignment_dagster.report.verdicts import effect_text, row_verdict

TITLE = "Claims and verdicts"
SIGNS = {"supported": "\u2713", "refuted": "\u2717", "undecided": "?"}
INTRO = (
    "Declared as part of the study, before training where nothing else is said; a verdict is of "
    "the claim by itself."
)
CAPTION = (
    "The effect says by how much the recipe is lower or higher than the other, with its 95 % "
    "interval; p stands after Holm's correction over all claims."
)
RULES = (
    "Supported where the whole 95 % interval bears the claim out, refuted where the whole interval "
    "speaks against it, undecided otherwise, and always with one seed. An undecided claim that "
    "names an effect, or a margin, is not measurable here where an effect of that size would be "
    "found less often than in four of five repetitions. A claim that one recipe is "
    "not lower, or not higher, than another by as much as a margin is supported where the "
    "one-sided 95 % bound lies within that margin (a test of non-inferiority). A claim counts as "
    "declared before training where every checkpoint behind it recorded the claim's digest when "
    "it was trained."
)


def section(data: ReportData) -> Section:
    """A line for each claim, and its evidence."""
    if not data.claims:
        return Section("claims", TITLE, "", ())
    tested = sum(not row.reason for row in data.claims)
    lines = [_line(row, tested) for row in data.claims]
    cards = tuple(_card(row, line, tested) for row, line in zip(data.claims, lines, strict=True))
    late = [one for one in map(_late_warning, data.claims) if one]
    return Section(
        "claims",
        TITLE,
        f"{INTRO} {count(len(late), 'claim')} came later: see below." if late else INTRO,
        (Verdicts(CAPTION, tuple(lines)),),
        (Text(RULES), Claims(cards)),
        "How claims are judged, and the evidence of each",
    )


def _line(row: ClaimRow, tested: int) -> Verdict:
    effect = effect_text(row.relation, row.value, row.ci_low, row.ci_high)
    return Verdict(
        row.verdict,
        row_verdict(row, tested),
        SIGNS.get(row.verdict, "?"),
        row.statement,
        DASH if row.reason else effect,
        DASH if row.reason else p_value(row.p_holm),
    )


def _card(row: ClaimRow, line: Verdict, tested: int) -> ClaimCard:
    measured = (
        ("effect", effect_text(row.relation, row.value, row.ci_low, row.ci_high, 3)),
        ("over", f"{count(row.seeds, 'seed')}, {count(row.n, 'scenario')}"),
        ("found from", f"{number(row.detectable, 3)} on, with 80 % power"),
        ("p", p_value(row.p_value)),
        ("p, Holm", f"{p_value(row.p_holm)} over {count(tested, 'claim')}"),
    )
    evidence = (
        ("claimed", _claim_text(row)),
        ("where", _scope_text(row)),
        *((("reason", row.reason),) if row.reason else measured),
        ("declared before", f"{row.declared_before} of {count(row.checkpoints, 'checkpoint')}"),
    )
    late = _late_warning(row)
    return ClaimCard(spaced(row.name), line, row.sentence, late, row_name(row), evidence)


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
