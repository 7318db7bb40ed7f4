"""Which documents are taken for nearly the same text."""

from typing import Annotated, Literal

from pydantic import Field

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, Name, added


class EarlierVersion(Declared):
    """A source as it was read once: what it held then and holds no more is not read again."""

    source: Name
    """One of the study's."""
    version: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Of its `raw_corpus`."""


class NearDuplicates(Declared):
    """Of similar documents of a role a recipe reads the first that it keeps."""

    threshold: Annotated[float, Field(ge=0.5, le=1)] = 0.8
    """The least similarity; below a half, texts are hardly the same."""
    shingle: Annotated[int, Field(ge=1, le=64)] = 5
    """Words in a row that are compared as one."""
    measure: Literal["jaccard", "containment"] = "jaccard"
    """`jaccard`: shingles that both have over those that either has; `containment`: the share of
    the later document's shingles that the earlier one has."""
    largest_cluster: Count = 1000
    """Documents that may repeat one text before a warning."""
    earlier: Annotated[tuple[EarlierVersion, ...], Field(strict=False)] = added(())
    """Earlier versions of sources: a new document that is like one that is in them and in no source
    any more is dropped for it."""
