"""Croissant 1.1 metadata of a study's corpus and mixes.

Source: the Croissant format specification 1.1 (mlcommons/croissant). `contentUrl` is relative to
the study's folder in the lake: the file works from there, or from a copy with the same folders.
"""

from typing import Any

import pyarrow as pa

from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.foundation.visible_text import visible
from alignment_dagster.release.cards.facts import Facts
from alignment_dagster.release.cards.files import DataFile, data_files
from alignment_dagster.release.cards.licences import spdx_licence
from alignment_dagster.release.cards.markdown import plain

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
SPDX = "https://spdx.org/licenses/"
PARQUET = "application/x-parquet"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification asks for."""
TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int8": "cr:Int8",
    "int16": "cr:Int16",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "float": "cr:Float32",
    "double": "cr:Float64",
}
"""Arrow's type → Croissant's."""


def croissant(facts: Facts) -> dict[str, Any]:
    """The metadata as JSON-LD: a FileObject and a RecordSet for each Parquet file."""
    files = data_files(facts)
    limits = [visible(str(one)) for one in facts.declared["limits"]]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": f"{facts.study}-corpus",
        "description": visible(str(facts.declared["description"])),
        "version": f"1.0.0+{facts.report.version}",
        "datePublished": facts.report.provenance.started[:10],
        "license": _licences(tuple(one.licence for one in facts.sources)),
        "citeAs": f"{facts.study}, {facts.report.label}, SHA-256 {facts.report.digest}",
        "keywords": [facts.study, *(mix.name for mix in facts.mixes)],
        **({"rai:dataLimitations": limits} if limits else {}),
        "distribution": [_file(one) for one in files],
        "recordSet": [_records(one) for one in files],
    }


def check_croissant(jsonld: dict[str, Any]) -> None:
    """Have it validated by mlcroissant.

    Raises:
        ArtifactError: names the first error.
    """
    import mlcroissant

    try:
        found = mlcroissant.Dataset(jsonld=jsonld).metadata.ctx.issues.errors
    except mlcroissant.ValidationError as error:
        found = {str(error)}
    if found:
        raise ArtifactError(f"croissant.json is not valid: {plain(min(found))}")


def _licences(declared: tuple[str, ...]) -> list[str]:
    """SPDX's address of a licence, where the declared text is one; else that text."""
    return [_licence(one) for one in dict.fromkeys(declared)]


def _licence(declared: str) -> str:
    known = spdx_licence(declared)
    return f"{SPDX}{known}.html" if known else visible(declared)


def _file(one: DataFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": one.config,
        "name": one.config,
        "description": visible(one.description),
        "contentUrl": one.path,
        "contentSize": f"{one.size} B",
        "encodingFormat": PARQUET,
        "sha256": one.sha256,
    }


def _records(one: DataFile) -> dict[str, Any]:
    name = f"{one.config}-records"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": visible(one.description),
        "field": [_field(one, name, field) for field in one.schema],
    }


def _field(one: DataFile, records: str, field: pa.Field) -> dict[str, Any]:
    many = pa.types.is_list(field.type)
    kind = field.type.value_type if many else field.type
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{field.name}",
        "name": field.name,
        "dataType": TYPES.get(str(kind), "sc:Text"),
        **({"isArray": True, "arrayShape": "-1"} if many else {}),
        "source": {"fileObject": {"@id": one.config}, "extract": {"column": field.name}},
    }
