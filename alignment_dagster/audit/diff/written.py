"""What differs in the prompts and models that wrote a source, by name and version."""

from collections.abc import Mapping

import pyarrow.parquet as pq

from alignment_dagster.audit.diff.artifact_pairs import Pair
from alignment_dagster.audit.written_rows import is_written
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.study.synthesis import WrittenColumn

DIGITS = 8
"""Of a template's digest."""


def find_written_change(pair: Pair) -> tuple[str, str] | None:
    """The forms and models of a raw corpus that the other side does not have so, on either side.

    `news_article 1+1 (3f2a9c01), answered by tiny-2`; None where they are the same, or nothing was
    written.
    """
    if not (is_written(pair.before) and is_written(pair.after)):
        return None
    before, after = _writing(pair.before), _writing(pair.after)
    if before == after:
        return None
    said = [
        ", ".join(text for name, text in own.items() if other.get(name) != text) or "nothing else"
        for own, other in ((before, after), (after, before))
    ]
    return said[0], said[1]


def _writing(corpus: Artifact) -> Mapping[str, str]:
    """Form and `model` → what is said of it."""
    found = dict[str, set[str]]()
    for path in shard_files(corpus, file_names.PROMPTS):
        columns = ["form", "template_version", "template"]
        for row in pq.read_table(path, columns=columns).group_by(columns).aggregate([]).to_pylist():
            said = f"{row['template_version']} ({row['template'][:DIGITS]})"
            found.setdefault(row["form"], set()).add(said)
    words = {form: f"{form} {' and '.join(sorted(said))}" for form, said in sorted(found.items())}
    models = _models(corpus)
    return {**words, **({"": f"answered by {' and '.join(sorted(models))}"} if models else {})}


def _models(corpus: Artifact) -> set[str]:
    chosen = [("column", "=", WrittenColumn.REPORTED_MODEL)]
    return {
        name
        for path in shard_files(corpus, file_names.METADATA)
        for name in pq.read_table(path, columns=["text"], filters=chosen)["text"]
        .unique()
        .to_pylist()
    }
