"""Where raw documents come from."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, DeclaredPath, Name, Seed, Text

Role = Literal["corpus", "chat", "preferences", "tampering"]


class GeneratedReader(Declared):
    """Documents written by one of the package's own seeded generators."""

    kind: Literal["generated"]
    """Written by a generator."""
    generator: Name
    """The name of one of the package's generators."""
    documents: Count
    """How many."""
    seed: Seed = 0
    """Equal seeds give equal documents."""


class FileReader(Declared):
    """Documents that lie in files."""

    path: DeclaredPath
    """Relative to the folder; may hold wildcards."""
    folder: Literal["assets", "data"] = "data"
    """`assets`: beside the declarations, in `assets/sources`; `data`: the data folder."""


class JsonlReader(FileReader):
    """One JSON object a line, in `.jsonl` or `.jsonl.gz` files."""

    kind: Literal["jsonl"]
    """Lines of JSON."""
    text: Text | None = None
    """The field with the text, in sources of documents."""
    id: Text | None = None
    """The field with an identity of its own, by which a person finds the row again."""
    prompt: Text | None = None
    """The field with the question, in sources of conversations."""
    completion: Text | None = None
    """The field with its answer."""
    chosen: Text | None = None
    """The field with the preferred answer, in sources of preferences."""
    rejected: Text | None = None
    """The field with the other one."""
    front_matter: Literal["keep", "strip"] = "keep"
    """Whether fields between `---` lines before the text are kept."""


class CsvReader(FileReader):
    """One row a document; the text is the named columns, joined by a blank line."""

    kind: Literal["csv"]
    """A table."""
    text: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    """The columns with the text."""
    id: Text | None = None
    """The column with an identity of its own."""


class MarkdownReader(FileReader):
    """A Markdown file, one document for each section of the given heading level."""

    kind: Literal["markdown"]
    """Markdown."""
    heading_level: Annotated[int, Field(ge=1, le=6)] = 2
    """Of the headings that begin a document: 2 for `##`."""


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
    """The file's name without its ending."""
    description: Text
    """What the documents are."""
    licence: Text
    """Of the documents, best as an SPDX identifier."""
    role: Role
    """What they are for: pretraining, conversations for SFT, pairs for DPO, or tampering."""
    group: Name
    """What recipes speak of."""
    reader: Reader
    """Where the documents lie, and how they are read."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of the source's files, where they must be exactly these."""
    max_quarantined_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of its rows, how many may be unusable; none where nothing is said."""
    ai_discourse: bool | None = None
    """Whether its documents speak of AI, where that is known: the filter is measured on it."""
