"""Documents that were written for a study, and their prompts, as SQL over raw corpora."""

from collections.abc import Iterable, Mapping

from alignment_dagster.foundation.sql_literals import quote_literal, scan_parquet
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.study.synthesis import WRITTEN_COLUMNS, WrittenColumn

TEXT = "varchar"
NUMBERS: Mapping[str, str] = {
    WrittenColumn.TEMPERATURE: "double",
    WrittenColumn.TOP_P: "double",
    WrittenColumn.SEED: "bigint",
    WrittenColumn.PROMPT_TOKENS: "bigint",
    WrittenColumn.COMPLETION_TOKENS: "bigint",
    WrittenColumn.PRICE: "double",
    WrittenColumn.SECONDS: "double",
    WrittenColumn.OFFSET: "bigint",
}
WRITTEN: Mapping[str, str] = {
    "document_id": TEXT,
    "source": TEXT,
    **{name: NUMBERS.get(name, TEXT) for name in WRITTEN_COLUMNS},
    "artifact": TEXT,
}
"""Column → type, of what `select_written` gives."""
PROMPTS: Mapping[str, str] = {
    "source": TEXT,
    **dict.fromkeys(("prompt", "form", "template", "template_version", "system", "text"), TEXT),
    "artifact": TEXT,
}
"""Column → type, of what `select_prompts` gives."""


def is_written(corpus: Artifact) -> bool:
    """Whether a raw corpus has documents that were written for the study."""
    return bool(shard_files(corpus, file_names.PROMPTS))


def select_written(corpora: Iterable[Artifact]) -> str:
    """A query of the documents that were written: columns of `WRITTEN`, one row each."""
    return _united(WRITTEN, [_written(one) for one in corpora if is_written(one)])


def select_prompts(corpora: Iterable[Artifact]) -> str:
    """A query of their prompts: columns of `PROMPTS`, each prompt of a corpus once."""
    return _united(PROMPTS, [_prompts(one) for one in corpora if is_written(one)])


def _written(corpus: Artifact) -> str:
    values = ", ".join(
        f"max({'number' if name in NUMBERS else 'text'}) "
        f'filter ("column" = {quote_literal(name)})::{WRITTEN[name]} as "{name}"'
        for name in WRITTEN_COLUMNS
    )
    rows = scan_parquet(shard_files(corpus, file_names.METADATA))
    return (
        f"select document_id, {quote_literal(corpus.partition)}::varchar as source, {values}, "
        f"{quote_literal(corpus.label)} as artifact from {rows} group by document_id "
        f'having bool_or("column" = {quote_literal(WrittenColumn.PROMPT)})'
    )


def _prompts(corpus: Artifact) -> str:
    return (
        f"select distinct {quote_literal(corpus.partition)}::varchar as source, prompt, form, "
        f"template, template_version, system, text, {quote_literal(corpus.label)} as artifact "
        f"from {scan_parquet(shard_files(corpus, file_names.PROMPTS))}"
    )


def _united(columns: Mapping[str, str], pieces: list[str]) -> str:
    nothing = ", ".join(f'null::{kind} as "{name}"' for name, kind in columns.items())
    return " union all ".join(pieces) if pieces else f"select {nothing} limit 0"
