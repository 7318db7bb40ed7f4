"""Claims, tampering and attacks as tables in the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from alignment_dagster.report.findings import Findings
from alignment_dagster.report.text import number, p_value, spaced
from alignment_dagster.report.verdicts import claim_verdicts, effect_text

Row = Mapping[str, Any]
VERDICTS = {"supported": "bold green", "refuted": "bold red", "undecided": "bold yellow"}


def findings_tables(findings: Findings) -> Iterator[Table]:
    """One table for each part that a study declares."""
    if findings["claims"]:
        yield _claims_table(findings)
    if findings["erosion_summaries"]:
        yield _erosion_table(findings)
    if findings["attacks"]:
        yield _attacks_table(findings)


def _claims_table(findings: Findings) -> Table:
    rows = findings["claims"]
    tested, verdicts = sum(not row["reason"] for row in rows), claim_verdicts(rows)
    table = _table("claims", "verdict", "claim", "effect", "p", "p, Holm", "declared")
    for column in table.columns[2:]:
        column.no_wrap = True
    for row in rows:
        late = row["declared_before"] < row["checkpoints"]
        measured = [Text("-")] * 3
        if not row["reason"]:
            bounds = (row["value"], row["ci_low"], row["ci_high"])
            effect = effect_text(row["relation"], *bounds)
            measured = [Text(effect), *(Text(p_value(row[one])) for one in ("p_value", "p_holm"))]
        claim = Text(spaced(row["name"]))
        if row["verdict"] != "supported":
            # What was claimed and was not seen is told with its reason.
            claim.append(f"\n{row['reason'] or row['sentence']}", style="dim")
            if row.get("detectable"):
                least = number(row["detectable"], 2)
                claim.append(f" With 80 % power an effect is found from {least} on.", style="dim")
        table.add_row(
            Text(verdicts[row["name"]], style=VERDICTS[row["verdict"]]),
            claim,
            *measured,
            Text("AFTER training" if late else "before training", style="red" if late else "dim"),
        )
    table.caption = (
        "Effect: by how much the recipe is lower or higher than the other, with its 95 % interval. "
        f"The verdict is of each claim by itself; p, Holm: over all {tested} claims. "
        "Trace: claim:NAME, with _ for a space."
    )
    return table


def _erosion_table(findings: Findings) -> Table:
    table = _table(
        "tampering", "tampering", "suite", "recipe", "benefit before", "after", "kept", "half gone"
    )
    for row in findings["erosion_summaries"]:
        table.add_row(
            Text(spaced(row["tampering"])),
            Text(row["suite"]),
            Text(spaced(row["recipe"])),
            _interval(row, "before", "before_low", "before_high", signed=True),
            _interval(row, "after", "after_low", "after_high", signed=True),
            _interval(row, "ratio", "ratio_low", "ratio_high"),
            Text(_half_life_text(row)),
        )
    baseline = findings["erosion_summaries"][0]["baseline"]
    table.caption = (
        f"Benefit: misalignment rate of {baseline} less the recipe's own, 95 % intervals. Trace: "
        "benefit:SUITE/STAGE/RECIPE (of tampering TAMPERING@STEP), persistence: or "
        "half_life:SUITE/TAMPERING/RECIPE, with _ for a space."
    )
    return table


def _half_life_text(row: Row) -> str:
    if row["half_steps"] is None:
        # The report gives the whole reason.
        return str(row["half_note"]).split(":")[0]
    return f"{row['half_steps']:.1f} steps, {row['half_tokens']:,.0f} tokens"


def _attacks_table(findings: Findings) -> Table:
    rows = findings["attacks"]
    recipes = list(dict.fromkeys(row["recipe"] for row in rows))
    found = {(r["suite"], r["stage"], r["attack"], r["recipe"]): r for r in rows}
    names = [spaced(recipe) for recipe in recipes]
    table = _table("share of items that attacks broke", "suite", "stage", "attack", *names)
    for suite, stage, attack in dict.fromkeys(key[:3] for key in found):
        cells = (found.get((suite, stage, attack, recipe)) for recipe in recipes)
        shown = [
            _interval(row, "value", "ci_low", "ci_high") if row else Text("-") for row in cells
        ]
        style = "bold" if attack == "worst_case" else ""
        table.add_row(Text(suite), Text(stage), Text(spaced(attack), style=style), *shown)
    table.caption = "Trace: attack:SUITE/STAGE/RECIPE/ATTACK, with _ for a space."
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=Text(title))
    for column in columns:
        table.add_column(Text(column))
    return table


def _interval(row: Row, value: str, low: str, high: str, signed: bool = False) -> Text:
    if row[value] is None:
        return Text("-", style="dim")
    text = Text(number(row[value], 2, signed))
    if row[low] is None or row[high] is None:
        return text
    low_text, high_text = (number(row[bound], 2, signed) for bound in (low, high))
    return text.append(f" [{low_text} {high_text}]", style="dim")
