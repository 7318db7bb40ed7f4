"""What was found of this machine, as an answer: a line for each part, with its verdict."""

from collections.abc import Sequence

from alignment_dagster.audit.answer import Answer, Node, Tone
from alignment_dagster.preflight.machine.finding import Finding, Verdict

MARKS: dict[Verdict, tuple[str, Tone]] = {
    Verdict.OK: ("✓", "plain"),
    Verdict.NOTE: ("!", "strong"),
    Verdict.BROKEN: ("✗", "bad"),
}


def machine_answer(findings: Sequence[Finding]) -> Answer:
    """All findings, and how many of them stand in the way."""
    width = max(len(one.subject) for one in findings)
    lines = []
    for one in findings:
        mark, tone = MARKS[one.verdict]
        lines.append(Node(f"{mark} {one.subject:<{width}}  {one.words}", tone=tone))
    broken = [one.subject for one in findings if one.verdict is Verdict.BROKEN]
    said = f"Does not work: {', '.join(broken)}." if broken else "Everything needed works."
    return Answer(
        "This machine",
        [said],
        [Node("found", children=lines)],
        {"findings": [vars(one) for one in findings]},
        tone="bad" if broken else "good",
    )
