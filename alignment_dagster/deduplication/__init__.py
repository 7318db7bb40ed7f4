"""Near duplicates: texts that share most of their shingles, found exactly.

Every document becomes a sorted set of hashed word n-grams (`shingles`, kept in `digests`). A prefix
of each set names the candidates (`candidates`), each is verified by the similarity of the whole
sets (`pairs`), and a document is removed only for one that is kept (`selection`).
"""

from alignment_dagster.deduplication.digests import Part, write_digests
from alignment_dagster.deduplication.documents import DistinctDocuments
from alignment_dagster.deduplication.measure import Measure
from alignment_dagster.deduplication.pairs import Pairs, find_pairs
from alignment_dagster.deduplication.selection import select_kept

__all__ = [
    "DistinctDocuments",
    "Measure",
    "Pairs",
    "Part",
    "find_pairs",
    "select_kept",
    "write_digests",
]
