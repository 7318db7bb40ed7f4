"""Writes `docs/papers.md`: what was published, and what the studies of papers gave here.

    python tools/papers.py [HOME …]

The numbers are those of each study's current report in the first of the homes that has one (the
usual home where none is named); a study without one is left out, and named.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alignment_dagster.audit.open_report import open_archive
from alignment_dagster.foundation.errors import AlignmentError
from alignment_dagster.foundation.home import Home
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.report.verdicts import claim_verdicts, effect_text
from alignment_dagster.study import Study

CHECKOUT = Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "papers.md"
DELIVERY = "delivery"
"""A study of controls that the papers lack."""
HEAD = """# Papers as studies

Each claim was registered before training. *Published* is the paper's figure, of far larger models
on real text; *here* is by how much the recipe is lower or higher, with the 95 % interval over seeds
and scenarios. The models have about 0.6 million parameters and read templated text: this says
whether a mechanism shows at all at this size, and nothing of large models. `alignment run NAME`
runs a study; `python tools/papers.py` writes this page from the reports.
"""
BRACKETS = re.compile(r"\s*\((?:published: )?([^)]*)\)")


def named_studies() -> tuple[str, ...]:
    """Those of papers, then that of the controls."""
    papers = sorted(path.stem for path in (CHECKOUT / "assets/studies/papers").glob("*.yaml"))
    return (*papers, DELIVERY)


def describe(study: Study, report: Artifact) -> Iterator[str]:
    """A study's heading, what it is about, and a row for each claim.

    Raises:
        AlignmentError: if the report is of other recipes or claims than are declared now.
    """
    declared = study.declaration
    findings = json.loads((report.path / file_names.FINDINGS).read_text(encoding="utf-8"))
    rows = json.loads((report.path / file_names.RESULTS).read_text(encoding="utf-8"))
    recipes = {row["recipe"] for row in rows}
    sentences = [claim["statement"] for claim in findings["claims"]]
    if recipes != set(declared.recipes) or sentences != [
        claim.statement for claim in declared.claims
    ]:
        raise AlignmentError("its report is of another declaration: run it again")
    yield f"\n## {declared.name}\n\n{declared.description}\n"
    yield (
        f"{len(declared.recipes)} recipes, {len(declared.seeds)} seeds, {declared.mix.tokens:,} "
        f"tokens each; report `{report.version}`.\n"
    )
    yield "| claim | published | here | verdict |\n|---|---|---|---|"
    verdicts = claim_verdicts(findings["claims"])
    for claim in findings["claims"]:
        yield row(claim, verdicts[claim["name"]])


def row(claim: Mapping[str, Any], verdict: str) -> str:
    """A claim's row of the table."""
    statement = claim["statement"]
    published = "; ".join(BRACKETS.findall(statement)) or "none"
    here = "not measured"
    if claim["value"] is not None:
        numbers = (claim["value"], claim["ci_low"], claim["ci_high"])
        here = effect_text(claim["relation"], *numbers)
    return f"| {BRACKETS.sub('', statement)} | {published} | {here} | {verdict} |"


def main() -> None:
    """Write the page."""
    homes = [Home(Path(one)) for one in sys.argv[1:]] or [Home.from_environment()]
    lines = [HEAD.rstrip("\n")]
    for name in named_studies():
        study = load_study(name, CHECKOUT / "assets")
        for home in homes:
            try:
                lines += list(describe(study, open_archive(name, home).report()))
                break
            except AlignmentError as error:
                print(f"{name} is left out of {home.root}: {error}", file=sys.stderr)
        else:
            lines.append(f"\n## {name}\n\n{study.declaration.description}\n\nNot run in full yet.")
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
