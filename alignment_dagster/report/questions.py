"""The questions behind a report, word for word: what its numbers were measured with.

They lie in the report itself, so that a later change of a suite's file takes nothing away.
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alignment_dagster.evaluation.suites.loader import load_suite
from alignment_dagster.foundation.errors import ArtifactError
from alignment_dagster.lineage import file_names
from alignment_dagster.study import Study

SCHEMA = pa.schema(
    [
        ("suite", pa.string()),
        ("item_id", pa.string()),
        ("scenario_id", pa.string()),
        ("topic", pa.string()),
        ("question", pa.string()),
        ("ask", pa.string()),
        ("options", pa.list_(pa.string())),
        ("target", pa.int8()),
        ("path", pa.string()),
        ("line", pa.int64()),
    ]
)
"""One row an item; `target` as in `Item`."""


def write_questions(study: Study, folder: Path) -> None:
    """Write every item of every suite as `questions.parquet`."""
    rows = [
        # The path as declared: where the folder lies must not change the bytes.
        {**{name: getattr(item, name) for name in SCHEMA.names}, "path": suite.items.path}
        for suite in study.suites
        for item in load_suite(suite, study.assets)
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(table, folder / file_names.QUESTIONS, compression="zstd")


def read_chances(path: Path) -> Mapping[str, float]:
    """Suite → the rate of answers by chance, of a report's questions with options.

    Raises:
        ArtifactError: if the file is absent or holds no questions.
    """
    try:
        table = pq.read_table(path, columns=["suite", "options"])
    except (OSError, pa.ArrowException) as error:
        raise ArtifactError(f"{path}: these are no questions: {error}") from None
    options = pc.list_value_length(table["options"])
    asked = table.append_column("share", pc.divide(1.0, options)).filter(pc.greater(options, 0))
    means = asked.group_by("suite").aggregate([("share", "mean")])
    return dict(zip(means["suite"].to_pylist(), means["share_mean"].to_pylist(), strict=True))
