"""A CycloneDX 1.6 ML-BOM: models with their model cards, the data, and the packages behind them.

Source: the CycloneDX specification 1.6 (ECMA-424), `machine-learning-model` and `data` components.
"""

import json
import uuid
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from alignment_dagster.audit.trace.written_answer import describe_writer
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.lineage import file_names
from alignment_dagster.release.cards.bom_models import dependencies, models
from alignment_dagster.release.cards.bom_parts import component, digest, licences, properties
from alignment_dagster.release.cards.facts import Facts
from alignment_dagster.release.cards.markdown import plain
from alignment_dagster.report.verdicts import claim_verdicts

NOT_PACKAGES = ("python", "machine")
ABSENT = "not installed"

Json = dict[str, Any]


def bom(facts: Facts) -> Json:
    """The BOM of a report; equal reports give equal BOMs."""
    report = facts.report
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, report.record)}",
        "version": 1,
        "metadata": {
            "timestamp": report.provenance.started,
            "tools": {
                "components": [
                    component(
                        "application", "alignment-dagster", "tool", version("alignment-dagster")
                    )
                ]
            },
            "component": {
                **component("application", facts.study, f"study/{facts.study}", report.version),
                "description": visible(str(facts.declared["description"])),
                "properties": _study(facts),
            },
        },
        "components": [*models(facts), *_data(facts), *_packages(facts)],
        "dependencies": dependencies(facts),
    }


def check_bom(content: Json) -> None:
    """Have it validated against the specification's strict schema.

    Raises:
        ArtifactError: says where it does not hold.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(content))
    if error is not None:
        raise ArtifactError(f"bom.cdx.json is not valid: {plain(str(error))[:500]}")


def _study(facts: Facts) -> list[Json]:
    """The report, the code, and what was claimed and decided."""
    declared = facts.findings["claims"]
    verdicts = claim_verdicts(declared)
    claims = {
        f"claim:{one['name']}": f"{verdicts[one['name']]}: {one['statement']} {one['sentence']}"
        for one in declared
    }
    reviews = {
        f"review:{one.number}": f"{one.decision} by {one.reviewer} on {one.time}: {one.note}"
        for one in facts.reviews
    }
    commits = {
        f"git:{one['commit']}": "changed" if one["dirty"] == "true" else "as committed"
        for one in facts.commits()
    }
    report = {
        "report": facts.report.label,
        "report:sha256": facts.report.digest,
        "report:record": facts.report.record,
    }
    return properties({**report, **commits, **claims, **reviews})


def _data(facts: Facts) -> Iterator[Json]:
    for one in facts.sources:
        counts = {"documents": one.documents, "characters": one.characters, "rows": one.rows}
        read = one.artifact.provenance.inputs.external_inputs.get("source", "")
        writers: dict[str, list[str]] = {}
        for row in one.written:
            template = f"written:{row['form']}:{row['template'][:16]}"
            writers.setdefault(template, []).append(describe_writer(row))
        yield {
            **component("data", one.name, one.artifact.label, one.artifact.version),
            "description": visible(str(one.declared["description"])),
            "hashes": digest(one.artifact.digest),
            "licenses": licences([one.licence]),
            "data": [_dataset(one.name, {**counts, "read:sha256": read})],
            "properties": properties(
                {
                    "role": one.declared["role"],
                    "group": one.declared["group"],
                    **counts,
                    **{name: ", ".join(found) for name, found in writers.items()},
                }
            ),
        }
    yield from _mixes(facts)
    yield from _suites(facts)


def _mixes(facts: Facts) -> Iterator[Json]:
    for mix in facts.mixes:
        inside = {part["source"] for part in mix.parts}
        parts = {f"tokens:{part['source']}": part["packed_tokens"] for part in mix.parts}
        dropped = {
            f"dropped:{row['use']}:{row['rule']}": row["documents"]
            for row in mix.disposed
            if row["state"] == "dropped"
        }
        yield {
            **component("data", f"mix-{mix.name}", mix.artifact.label, mix.artifact.version),
            "description": visible(str(mix.recipe["description"])),
            "hashes": digest(mix.artifact.manifest.files[file_names.SEQUENCES]),
            "licenses": licences([o.licence for o in facts.sources if o.name in inside]),
            "data": [_dataset(mix.name, {"tokens": mix.tokens, "sequences": mix.sequences})],
            "properties": properties({"manifest:sha256": mix.artifact.digest, **parts, **dropped}),
        }


def _suites(facts: Facts) -> Iterator[Json]:
    digests = facts.report.provenance.inputs.external_inputs
    for one in facts.declared["suites"]:
        content = digests.get(one["name"])
        yield {
            **component("data", one["name"], f"suite/{one['name']}", (content or "unknown")[:16]),
            "description": visible(str(one["description"])),
            **({"hashes": digest(content)} if content else {}),
            "licenses": licences([str(one["licence"])]),
            "data": [_dataset(one["name"], {"kind": one["kind"]})],
        }


def _dataset(name: str, values: dict[str, Any]) -> Json:
    return {"type": "dataset", "name": name, "contents": {"properties": properties(values)}}


def _packages(facts: Facts) -> Iterator[Json]:
    """Each package and version once, also where the artifacts were made in several places."""
    found = dict.fromkeys(
        (name, number)
        for one in facts.environments()
        for name, number in one.items()
        if name not in NOT_PACKAGES and number != ABSENT
    )
    for name, number in found:
        purl = f"pkg:pypi/{name}@{number.replace('+', '%2B')}"
        yield {**component("library", name, purl, number), "purl": purl}
    for number in dict.fromkeys(one["python"] for one in facts.environments()):
        yield component("platform", "python", f"python@{number}", number)
