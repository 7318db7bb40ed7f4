"""Where raw documents come from."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, DeclaredPath, Name, Text

Role = Literal["corpus", "chat", "preferences", "tampering"]


class GeneratedReader(Declared):
    """Documents written by one of the package's own seeded generators."""

    kind: Literal["generated"]
    generator: Name
    documents: Count
    seed: Annotated[int, Field(ge=0)] = 0


class FileReader(Declared):
    """Documents that lie in files."""

    path: DeclaredPath
    """Relative to the folder; may hold wildcards."""
    folder: Literal["assets", "data"] = "data"
    """`assets`: beside the declarations, in `assets/sources`; `data`: the data folder."""


class JsonlReader(FileReader):
    """One JSON object a line, in `.jsonl` or `.jsonl.gz` files."""

    kind: Literal["jsonl"]
    text: Text | None = None
    id: Text | None = None
    prompt: Text | None = None
    completion: Text | None = None
    chosen: Text | None = None
    rejected: Text | None = None
    front_matter: Literal["keep", "strip"] = "keep"


class CsvReader(FileReader):
    """One row a document; the text is the named columns, joined by a blank line."""

    kind: Literal["csv"]
    text: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    id: Text | None = None


class MarkdownReader(FileReader):
    """A Markdown file, one document for each section of the given heading level."""

    kind: Literal["markdown"]
    heading_level: Annotated[int, Field(ge=1, le=6)] = 2


Reader = Annotated[
    GeneratedReader | JsonlReader | CsvReader | MarkdownReader, Field(discriminator="kind")
]


READERS: Mapping[str, str] = {
    kind: model.__doc__ or ""
    for model in get_args(get_args(Reader)[0])
    for kind in get_args(model.model_fields["kind"].annotation)
}
"""Each kind of reader, and what it reads."""


class Source(Declared):
    """Where raw documents come from."""

    name: Name
    description: Text
    licence: Text
    role: Role
    group: Name
    reader: Reader
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    ai_discourse: bool | None = None
    """Whether its documents speak of AI, where that is known: the filter is measured on it."""
