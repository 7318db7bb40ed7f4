"""Where raw documents come from."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study.fields import Count, DeclaredPath, Name, Seed, Share, Text
from alignment_dagster.study.reserved_names import SourceName
from alignment_dagster.study.synthesis import WRITTEN_COLUMNS, SyntheticReader

Role = Literal["corpus", "chat", "preferences", "tampering"]


ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s@?#*\[\]]*")


def _folder(folder: str) -> str:
    if folder in ("assets", "data"):
        return folder
    if not ADDRESS.fullmatch(folder) or "::" in folder or ".." in folder.split("/"):
        raise ValueError(
            "must be `assets`, `data` or an address such as `s3://bucket/folder`, "
            "without wildcards and without credentials (the environment holds those)"
        )
    return folder.rstrip("/") if not folder.endswith("://") else folder


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


class FieldMap(Declared):
    """Which fields of a row are what; a nested one is named by a dotted path (`meta.language`)."""

    id: Text | None = None
    """The field with an identity of its own, by which a person finds the row again."""
    label: Text | None = None
    """The field with what the document is known to be; kept as the metadata column `label`."""
    metadata: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """Further fields that are kept: texts, numbers, truth values; null where a row has none."""
    messages: Text | None = None
    """The field with a whole conversation: a list of `role` and `content`."""
    prompt: Text | None = None
    """The field with the question, in sources of conversations or of preferences."""
    completion: Text | None = None
    """The field with its answer."""
    chosen: Text | None = None
    """The field with the preferred answer, in sources of preferences."""
    rejected: Text | None = None
    """The field with the other one."""
    front_matter: Literal["keep", "strip"] = "keep"
    """Whether fields between `---` lines before the text are kept."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The fields whose values, joined by a blank line, are the text of a document."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every field that is named, once."""
        named = (self.id, self.label, self.messages, self.prompt, self.completion, self.chosen)
        every = (*self.texts, *named, self.rejected, *self.metadata)
        return tuple(dict.fromkeys(name for name in every if name is not None))

    @model_validator(mode="after")
    def _metadata_is_named_once(self) -> "FieldMap":
        kept = [*self.metadata, *(["label"] if self.label else [])]
        twice = sorted({name for name in kept if kept.count(name) > 1})
        if twice:
            raise ValueError(f"`metadata` names the column {twice[0]!r} twice (`label` is one)")
        return self


class TextMap(FieldMap):
    """As `FieldMap`, with a text that is one field."""

    text: Text | None = None
    """The field with the text, in sources of documents."""

    @property
    def texts(self) -> tuple[str, ...]:
        return () if self.text is None else (self.text,)


class FileReader(Declared):
    """Documents that lie in files."""

    path: DeclaredPath
    """Relative to the folder; may hold wildcards."""
    folder: Annotated[str, AfterValidator(_folder)] = "data"
    """`assets`: beside the declarations, in `assets/sources`; `data`: the data folder; or an
    address such as `s3://bucket/folder`, whose credentials the environment holds."""

    @property
    def is_remote(self) -> bool:
        """Whether the folder is an address."""
        return "://" in self.folder


class JsonlReader(TextMap, FileReader):
    """One JSON object a line, in `.jsonl`, `.jsonl.gz` or `.jsonl.zst` files."""

    kind: Literal["jsonl"]
    """Lines of JSON."""


class ParquetReader(TextMap, FileReader):
    """Parquet files, one document a row; only the named columns are read."""

    kind: Literal["parquet"]
    """Parquet."""


class ArrowReader(TextMap, FileReader):
    """Arrow files (IPC, also called Feather 2) or streams, one document a row."""

    kind: Literal["arrow"]
    """Arrow's IPC format."""


class CsvReader(FieldMap, FileReader):
    """One row a document; the text is the named columns, joined by a blank line."""

    kind: Literal["csv"]
    """A table."""
    text: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = None
    """The columns with the text, in sources of documents."""
    delimiter: Literal[",", ";", "|", "\t"] | None = None
    """Between cells; without it a tab in `.tsv` files, else a comma."""

    @property
    def texts(self) -> tuple[str, ...]:
        return self.text or ()


class MarkdownReader(FileReader):
    """Markdown files, one document for each section of the given heading level."""

    kind: Literal["markdown"]
    """Markdown."""
    heading_level: Annotated[int, Field(ge=1, le=6)] | None = 2
    """Of the headings that begin a document: 2 for `##`; null makes a file one document."""


class TextReader(FileReader):
    """Plain-text files, one document a file."""

    kind: Literal["text"]
    """Plain text."""


class WarcReader(FileReader):
    """Web archives: one document for each record of plain text (WET, or WARC's own)."""

    kind: Literal["warc"]
    """WARC and WET."""
    id: Text | None = "WARC-Target-URI"
    """The header with an identity of its own."""
    metadata: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """Headers that are kept, such as `WARC-Date`."""


class HubReader(TextMap):
    """A dataset of the Hugging Face hub at one revision, one document a row; read file by file."""

    kind: Literal["hub"]
    """Hugging Face."""
    dataset: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$", max_length=200)]
    """`owner/name`."""
    configuration: Text | None = None
    """Of the dataset's configurations; without it the one that is not named."""
    split: Text = "train"
    """Of the dataset's splits."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """The commit, all 40 digits: a branch or a tag can move."""


Reader = Annotated[
    GeneratedReader
    | JsonlReader
    | ParquetReader
    | ArrowReader
    | CsvReader
    | MarkdownReader
    | TextReader
    | WarcReader
    | HubReader
    | SyntheticReader,
    Field(discriminator="kind"),
]


READERS: Mapping[str, str] = {
    kind: model.__doc__ or ""
    for model in get_args(get_args(Reader)[0])
    for kind in get_args(model.model_fields["kind"].annotation)
}
"""Each kind of reader, and what it reads."""


class Sample(Declared):
    """A share of the documents; a document stays in or out whatever else the source holds."""

    share: Share
    """Of the documents that are kept."""
    seed: Seed = 0
    """Other seeds keep other documents."""


class Passages(Declared):
    """Long texts cut into documents: at blank lines, else at line ends, else anywhere."""

    characters: Annotated[int, Field(ge=100, lt=2**31)]
    """Of a passage, at most."""


class Source(Declared):
    """Where raw documents come from."""

    name: SourceName
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
    sample: Sample | None = None
    """Keeps a share of the documents, by the hash of their ids."""
    passages: Passages | None = None
    """Cuts the texts, in sources of the role `corpus`."""
    ai_discourse: bool | None = None
    """Whether its documents speak of AI, where that is known: the filter is measured on it."""

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """Columns that are kept of its rows."""
        if isinstance(self.reader, SyntheticReader):
            return WRITTEN_COLUMNS
        label = ("label",) if isinstance(self.reader, FieldMap) and self.reader.label else ()
        return (*getattr(self.reader, "metadata", ()), *label)

    @model_validator(mode="after")
    def _only_texts_are_cut(self) -> "Source":
        if self.passages is not None and self.role != "corpus":
            raise ValueError("`passages` cuts texts: the role must be `corpus`")
        return self
