"""How much of a mix is new: the share of its tokens that are other documents' than before."""

from pathlib import Path

import pyarrow.parquet as pq

from alignment_dagster.lineage import file_names


def changed_share(then: Path, now: Path) -> float:
    """Share of the tokens of mix `now` that mix `then` does not have.

    A document has its packed tokens in both, however often it is repeated, so that one that is
    repeated more often is new by what it has more: 1 - sum(min(then, now)) / sum(now). Tokens are
    those of each mix's own tokenizer; each side is taken as shares of its total, so that another
    vocabulary alone moves little.

    Args:
        then: folder of the earlier `curated_mix`.
        now: folder of the later one.
    """
    before, after = _shares(then), _shares(now)
    common = sum(min(share, before.get(document, 0.0)) for document, share in after.items())
    return max(0.0, 1.0 - common)


def _shares(folder: Path) -> dict[str, float]:
    table = pq.read_table(folder / file_names.DOCUMENTS, columns=["document_id", "packed_tokens"])
    sizes = table["packed_tokens"].to_pylist()
    total = sum(sizes)
    return {
        document: size / total
        for document, size in zip(table["document_id"].to_pylist(), sizes, strict=True)
    }
