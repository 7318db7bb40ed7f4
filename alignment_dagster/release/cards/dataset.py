"""The dataset card of a study's corpus and mixes, as the Hugging Face Hub reads it."""

from typing import Any

import pyarrow as pa

from alignment_dagster.release.cards import sections
from alignment_dagster.release.cards.facts import Facts
from alignment_dagster.release.cards.files import DataFile, data_files
from alignment_dagster.release.cards.licences import hub_licence
from alignment_dagster.release.cards.markdown import Code, front_matter, table, text

SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
LARGER = ((10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))
LARGEST = "n>1B"
"""The Hub's names for sizes."""


def dataset_card(facts: Facts) -> str:
    """The card of the corpus, with a configuration for each file of it and of the mixes."""
    files = data_files(facts)
    lines = [
        f"# {text(facts.study)}: corpus and mixes",
        "",
        text(str(facts.declared["description"])),
        "",
        *sections.origin(facts),
        "## Sources",
        "",
        *sections.sources(facts),
        *sections.written(facts),
        *_digests(facts),
        "## Mixes",
        "",
        *(line for mix in facts.mixes for line in _mix(facts, mix.name)),
        *_suites(facts),
        "## Files",
        "",
        f"Paths are relative to the folder of the study in the lake (`lake/{facts.study}/`).",
        "",
        *table(
            ("configuration", "file", "rows", "bytes", "SHA-256"),
            [(Code(o.config), Code(o.path), o.rows, o.size, Code(o.sha256)) for o in files],
        ),
        *sections.limits(facts),
        *sections.environment(facts),
    ]
    return front_matter(_metadata(facts, files)) + "\n".join(lines)


def _metadata(facts: Facts, files: list[DataFile]) -> dict[str, Any]:
    return {
        "pretty_name": f"{facts.study}: corpus and mixes",
        **_licence(facts),
        "tags": ["alignment-dagster", facts.study],
        "size_categories": [_size_category(sum(one.documents for one in facts.sources))],
        "configs": [
            {
                "config_name": one.config,
                "data_files": [{"split": "train", "path": one.path}],
            }
            for one in files
        ],
        "dataset_info": [
            {
                "config_name": one.config,
                "features": [_feature(field) for field in one.schema],
                "splits": [{"name": "train", "num_bytes": one.size, "num_examples": one.rows}],
                "download_size": one.size,
                "dataset_size": one.size,
            }
            for one in files
        ],
    }


def _licence(facts: Facts) -> dict[str, Any]:
    """The Hub's identifiers; texts that are none of them are named as they were declared."""
    declared = list(dict.fromkeys(one.licence for one in facts.sources))
    known = list(dict.fromkeys(hub_licence(one) or "other" for one in declared))
    others = [one for one in declared if hub_licence(one) is None]
    return {"license": known, **({"license_name": "; ".join(others)} if others else {})}


def _size_category(documents: int) -> str:
    return next((name for limit, name in (*SIZES, *LARGER) if documents < limit), LARGEST)


def _feature(field: pa.Field) -> dict[str, Any]:
    if pa.types.is_list(field.type):
        return {"name": field.name, "list": str(field.type.value_type)}
    kinds = {"double": "float64", "float": "float32"}
    return {"name": field.name, "dtype": kinds.get(str(field.type), str(field.type))}


def _digests(facts: Facts) -> list[str]:
    rows = [
        (
            Code(one.name),
            Code(one.artifact.label),
            Code(one.artifact.provenance.inputs.external_inputs.get("source", "")),
            "yes" if one.declared["sha256"] else "no",
        )
        for one in facts.sources
    ]
    columns = ("source", "artifact", "SHA-256 of what was read", "pinned in the declaration")
    return table(columns, rows)


def _mix(facts: Facts, recipe: str) -> list[str]:
    mix = facts.mix(recipe)
    description = text(str(mix.recipe["description"]))
    return [f"### {text(recipe)}", "", description, "", *sections.composition(facts, mix)]


def _suites(facts: Facts) -> list[str]:
    """What is measured with: documents that give an item away are left out of the mixes."""
    digests = facts.report.provenance.inputs.external_inputs
    rows = [
        (
            Code(one["name"]),
            one["kind"],
            one["licence"],
            Code(digests.get(one["name"], "")),
            one["description"],
        )
        for one in facts.declared["suites"]
    ]
    columns = ("suite", "kind", "licence", "SHA-256 of its items", "description")
    return ["## Evaluation suites", "", *table(columns, rows)]
