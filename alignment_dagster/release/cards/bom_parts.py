"""Small parts of a CycloneDX BOM."""

from collections.abc import Mapping, Sequence
from typing import Any

from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.release.cards.licences import spdx_licence

PREFIX = "alignment:"

Json = dict[str, Any]


def component(kind: str, name: str, ref: str, version: str) -> Json:
    """The fields that every component has."""
    return {"type": kind, "bom-ref": ref, "name": name, "version": version}


def digest(sha256: str) -> list[Json]:
    """A list with one hash."""
    return [{"alg": "SHA-256", "content": sha256}]


def properties(values: Mapping[str, Any]) -> list[Json]:
    """Names and values as texts."""
    return [
        {"name": f"{PREFIX}{name}", "value": visible(str(value))} for name, value in values.items()
    ]


def licences(declared: Sequence[str]) -> list[Json]:
    """Each once: SPDX's identifier where the declared text is one, else that text."""
    return [{"license": _licence(one)} for one in dict.fromkeys(declared)]


def _licence(declared: str) -> Json:
    known = spdx_licence(declared)
    return {"id": known} if known else {"name": visible(declared)}
