"""Where every row that was read ended."""

import pyarrow.parquet as pq

from alignment_dagster import chain
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.shards import shard_files
from alignment_dagster.report.gather.artifacts import Parents
from alignment_dagster.report.rows import SourceRows


def count_rows(parents: Parents) -> list[SourceRows]:
    """The rows of each source, from the corpora that the dispositions were made of."""
    tables = (file_names.RAW_DOCUMENTS, file_names.REPEATS, file_names.QUARANTINE)
    return [
        SourceRows(
            corpus.partition or "",
            *(
                sum(pq.read_metadata(path).num_rows for path in shard_files(corpus, table))
                for table in tables
            ),
        )
        for corpus in parents.all(chain.RAW_CORPUS)
    ]
