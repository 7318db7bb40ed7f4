"""Claims in the terminal: verdict, effect with its direction, and why nothing was decided."""

from dataclasses import asdict, replace

from rich.console import Console

from alignment_dagster.report.findings_tables import findings_tables
from alignment_dagster.report.rows import ClaimRow
from tests.support.report_rows import claim_rows


def shown(*claims: ClaimRow) -> str:
    """The table as one line of text, without its frame."""
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        findings = {"claims": [asdict(one) for one in claims]}
        for table in findings_tables({**findings, "erosion_summaries": [], "attacks": []}):
            console.print(table)
    return " ".join(capture.get().replace("│", " ").split())


def test_an_effect_is_shown_with_sign_and_direction() -> None:
    lower, _, _, gain, _ = claim_rows("ok")
    told = shown(lower, gain)
    assert "lower by +0.22 [+0.16 to +0.28]" in told
    assert "higher by +0.09 [+0.03 to +0.15]" in told


def test_what_holds_alone_only_is_worded_as_on_the_page() -> None:
    lower, _, _, gain, _ = claim_rows("ok")
    assert "supported on its own, not after Holm over all 2 claims" in shown(gain, lower)


def test_a_claim_of_one_seed_says_why_it_is_undecided() -> None:
    sentence = "lies away from zero; undecided, since with one seed it covers scenarios only."
    single = replace(claim_rows("ok")[0], verdict="undecided", seeds=1, sentence=sentence)
    told = shown(single)
    assert "undecided: one seed says nothing about the recipes" in told
    assert "since with one seed it covers scenarios only" in told
    unmeasured = replace(single, seeds=0, reason="not measured yet", sentence="")
    assert "undecided: not measured" in shown(unmeasured)
    assert "lower by" not in shown(unmeasured)
