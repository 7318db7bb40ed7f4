"""Which documents are taken for nearly the same text."""

from typing import Annotated, Literal

from pydantic import Field

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count


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
