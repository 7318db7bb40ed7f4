"""docs/tamper.md: the tamper matrix as a page."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

TITLES = {
    "files": "Files of the artifacts",
    "records": "Records beside the artifacts",
    "keys": "Keys",
    "journal": "The journal",
    "mlflow": "MLflow's database",
    "dagster": "Dagster's databases",
    "declarations": "Declarations and sources, after the run",
    "bundle": "The dossier",
    "insider": "With the lake's own key, and everything re-written to fit",
}
LONGEST = 150
INTRO = """# What is noticed when something is altered

<!-- written by drills/tamper: do not edit -->

`python -m drills.tamper` alters a small study in every way below, lets `alignment audit check`
look at it (the dossier: its own `verify.py`), and undoes it. The study was run twice with an edit
between, so that there are older versions; it has {kinds} kinds of artifacts, two recipes, two
seeds, tampering and attacks, and a source of more than 10,000 documents. An alteration counts as
found only where a message *names* what was altered: the artifact and file, the line, the run, the
metric.

**{found} of {expected} alterations that can be found are found and named.** {hidden} more cannot
be found by design; they stand at the end, with the reason. The test suite runs {always} of these,
one of every sort and the most common ones on every kind of artifact.

## Side by side

The same alterations, as three other ways of identifying data see them:

- **{mlflow}**: `mlflow.data.from_pandas` of every Parquet table and `from_numpy` of every array
  in the lake. It identifies tables, not weights, reports or records, and of a long table it reads
  the first 10,000 rows.
- **{dvc}** 3.67: `dvc add` of the lake, the declarations and the sources, then `dvc status`. It
  hashes every file. Its record is a file beside the data that nobody signs.
- **{size}**: paths and sizes of the same files, as OLMo-core takes a dataset's fingerprint.

Where an alteration re-writes the records in the lake, the tool's own record is re-written too
where it lies there (`dvc commit`; the fingerprint taken anew), for whoever can write the one can
write the other. With the lake's own key and everything re-written, also what MLflow has recorded
is. None of the three is made to notice edits in a database; they are counted so that the sums can
be compared.

| | alterations | `alignment audit check` | {tools} |
| --- | --- | --- | --- | --- | --- |
"""
HIDDEN = """
## What is not noticed

By design, no check of the home alone can notice these:

| alteration | of | why |
| --- | --- | --- |
"""
LIMITS = """
Besides these:

- A trainer that lies: it may train on other tokens than it writes down. What it wrote is compared
  with the mix; that it did so is not proved. `alignment audit replay` trains a segment again and
  compares the weights: a lie is then found with the share of the steps that are replayed.
- Whoever holds the signing key, and re-writes the lake, the journal and both databases, is caught
  only by what can be computed again from content, as the table above shows. Keep the key, or a
  dossier, where they cannot write.
- A home that is deleted and made anew from the beginning with other data is another study: compare
  its reports' versions with those that were approved or published.
"""


def write_page(path: Path, outcomes: Sequence[Any], tools: Sequence[str]) -> None:
    """Summary, one table for each group, and what is not noticed."""
    path.write_text("".join([_head(outcomes, tools), *_groups(outcomes, tools), _end(outcomes)]))


def _head(outcomes: Sequence[Any], tools: Sequence[str]) -> str:
    visible = [one for one in outcomes if one.cell.found != "nowhere"]
    text = INTRO.format(
        kinds=14,
        found=sum(one.wrong is None for one in visible),
        expected=len(visible),
        hidden=len(outcomes) - len(visible),
        always=sum(one.cell.always for one in outcomes),
        mlflow=tools[0],
        dvc=tools[1],
        size=tools[2],
        tools=" | ".join(tools),
    )
    rows = [
        _sums(title, [one for one in visible if one.cell.group == group], tools)
        for group, title in TITLES.items()
        if group != "bundle"
    ]
    compared = [one for one in visible if one.caught]
    return text + "".join(rows) + _sums("**together**", compared, tools)


def _sums(title: str, outcomes: Sequence[Any], tools: Sequence[str]) -> str:
    own = sum(one.wrong is None for one in outcomes)
    theirs = [f"{sum(one.caught.get(tool, False) for one in outcomes)}" for tool in tools]
    return f"| {title} | {len(outcomes)} | {own} | {' | '.join(theirs)} |\n"


def _groups(outcomes: Sequence[Any], tools: Sequence[str]) -> Iterable[str]:
    for group, title in TITLES.items():
        own = [one for one in outcomes if one.cell.group == group and one.cell.found != "nowhere"]
        others = "" if group == "bundle" else "".join(f" {tool} |" for tool in tools)
        yield f"\n## {title}\n\n| alteration | of | found | for instance |{others}\n"
        yield "| --- | --- | --- | --- |" + " --- |" * (len(tools) if others else 0) + "\n"
        ordered = sorted(
            own, key=lambda one: [other.cell.mutation for other in own].index(one.cell.mutation)
        )
        for mutation, same in groupby(ordered, key=lambda one: one.cell.mutation):
            yield _row(mutation, list(same), tools)


def _row(mutation: str, same: Sequence[Any], tools: Sequence[str]) -> str:
    count = len(same)
    found = sum(one.wrong is None for one in same)
    of = same[0].cell.of if count == 1 else f"{count} ({same[0].cell.of}, …)"
    told = next((one.told for one in same if one.told), "")
    others = [
        f" {sum(one.caught[tool] for one in same)} of {count} |"
        for tool in tools
        if all(one.caught for one in same)
    ]
    return f"| {mutation} | {of} | {found} of {count} | {_short(told)} |{''.join(others)}\n"


def _short(told: str) -> str:
    """Digests cut, and nothing that a table would take for its own."""
    text = re.sub(r"\b([0-9a-f]{8})[0-9a-f-]{8,}\b", r"\1…", " ".join(told.split()))
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return text.replace("|", "\\|")


def _end(outcomes: Sequence[Any]) -> str:
    rows = [
        f"| {one.cell.mutation} | {one.cell.of} | {one.cell.why} |\n"
        for one in outcomes
        if one.cell.found == "nowhere"
    ]
    return HIDDEN + "".join(rows) + LIMITS
