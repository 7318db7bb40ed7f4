"""Croissant 1.1 metadata of a study's corpus and mixes.

Source: the Croissant format specification 1.1 (mlcommons/croissant). `contentUrl` is relative to
the study's folder in the lake: the file works from there, or from a copy with the same folders.
"""

from typing import Any

import mlcroissant as mlc
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
ARRAYS = {"arrayShape": "cr:arrayShape", "isArray": "cr:isArray"}
"""Terms of 1.1 that mlcroissant's context for new metadata lacks."""
TYPES = {
    "bool": mlc.DataType.BOOL,
    "int8": mlc.DataType.INT8,
    "int16": mlc.DataType.INT16,
    "int32": mlc.DataType.INT32,
    "int64": mlc.DataType.INT64,
    "float": mlc.DataType.FLOAT32,
    "double": mlc.DataType.FLOAT64,
}
"""Arrow's type → Croissant's; others are texts."""


def croissant(facts: Facts) -> dict[str, Any]:
    """The metadata as JSON-LD: a FileObject and a RecordSet for each Parquet file.

    Raises:
        ArtifactError: names what mlcroissant finds wrong with it.
    """
    files = data_files(facts)
    context = mlc.Context(conforms_to=CONFORMS_TO, rdf=mlc.Rdf({**mlc.Rdf().context, **ARRAYS}))
    try:
        metadata = mlc.Metadata(
            ctx=context,
            name=f"{facts.study}-corpus",
            description=visible(str(facts.declared["description"])),
            version=f"1.0.0+{facts.report.version}",
            date_published=facts.report.provenance.started[:10],
            license=[_licence(one) for one in dict.fromkeys(o.licence for o in facts.sources)],
            cite_as=f"{facts.study}, {facts.report.label}, SHA-256 {facts.report.digest}",
            keywords=[facts.study, *(mix.name for mix in facts.mixes)],
            data_limitations=[visible(str(one)) for one in facts.declared["limits"]],
            distribution=[_file(context, one) for one in files],
            record_sets=[_records(context, one) for one in files],
        )
    except mlc.ValidationError as error:
        raise _invalid(str(error)) from None
    return dict(metadata.to_json())


def check_croissant(jsonld: dict[str, Any]) -> None:
    """Have it validated by mlcroissant.

    Raises:
        ArtifactError: names the first error.
    """
    try:
        found = mlc.Dataset(jsonld=jsonld).metadata.ctx.issues.errors
    except mlc.ValidationError as error:
        found = {str(error)}
    if found:
        raise _invalid(min(found))


def _invalid(found: str) -> ArtifactError:
    return ArtifactError(f"croissant.json is not valid: {plain(found)}")


def _licence(declared: str) -> str:
    """SPDX's address of a licence, where the declared text is one; else that text."""
    known = spdx_licence(declared)
    return f"{SPDX}{known}.html" if known else visible(declared)


def _file(context: mlc.Context, one: DataFile) -> mlc.FileObject:
    return mlc.FileObject(
        ctx=context,
        id=one.config,
        name=one.config,
        description=visible(one.description),
        content_url=one.path,
        content_size=f"{one.size} B",
        encoding_formats=[PARQUET],
        sha256=one.sha256,
    )


def _records(context: mlc.Context, one: DataFile) -> mlc.RecordSet:
    name = f"{one.config}-records"
    return mlc.RecordSet(
        ctx=context,
        id=name,
        name=name,
        description=visible(one.description),
        fields=[_field(context, one, name, field) for field in one.schema],
    )


def _field(context: mlc.Context, one: DataFile, records: str, field: pa.Field) -> mlc.Field:
    many = pa.types.is_list(field.type)
    kind = field.type.value_type if many else field.type
    return mlc.Field(
        ctx=context,
        id=f"{records}/{field.name}",
        name=field.name,
        data_types=[TYPES.get(str(kind), mlc.DataType.TEXT)],
        source=mlc.Source(file_object=one.config, extract=mlc.Extract(column=field.name)),
        **({"is_array": True, "array_shape": "-1"} if many else {}),
    )
