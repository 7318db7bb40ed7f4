"""Which dispositions and mixes stand behind a report: those that its ancestors really read."""

from collections.abc import Iterator, Sequence

from alignment_dagster import chain
from alignment_dagster.foundation.sql_literals import quote_literal
from alignment_dagster.lineage import file_names
from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.lineage.provenance import Parent

_DECIDED = 'use, state, rule, "value", cause, weight'


def select_uses(ancestors: Sequence[Artifact]) -> str:
    """A query: document and recipe → disposition, and what the recipe's mix holds of it.

    A report made after a part was renewed may rest on several versions of the dispositions, or
    even of a mix: each that was read by what trained or measured a model has its entry.
    """
    return (
        " union all ".join(_selects(ancestors)) + " order by document_id, recipe, dispositions, mix"
    )


def _selects(ancestors: Sequence[Artifact]) -> Iterator[str]:
    versions = {(one.asset, one.version): one for one in ancestors}
    told: set[tuple[str | None, str]] = set()
    for mix in (one for one in ancestors if one.asset == chain.CURATED_MIX):
        for parent in _parts(mix):
            told.add((parent.part, parent.digest))
            yield _select(versions[chain.DISPOSITIONS, parent.version], parent, mix)
    for reader in (one for one in ancestors if one.asset != chain.CURATED_MIX):
        for parent in _parts(reader):
            if (parent.part, parent.digest) not in told:
                told.add((parent.part, parent.digest))
                yield _select(versions[chain.DISPOSITIONS, parent.version], parent, None)


def _parts(reader: Artifact) -> list[Parent]:
    return [
        parent
        for parent in reader.provenance.inputs.parents
        if parent.asset == chain.DISPOSITIONS and parent.part
    ]


def _select(dispositions: Artifact, parent: Parent, mix: Artifact | None) -> str:
    part = parent.part or ""
    decided = f"read_parquet({quote_literal(str(dispositions.path / part))})"
    columns = (
        f"document_id, {quote_literal(part.split('/')[0])} as recipe, "
        f"{quote_literal(parent.version)} as dispositions, {_DECIDED}"
    )
    if mix is None:
        nothing = "null::varchar as mix, null::bigint as tokens, null::bigint as copies"
        return f"select {columns}, {nothing}, null::bigint as packed_tokens from {decided}"
    packed = f"read_parquet({quote_literal(str(mix.path / file_names.DOCUMENTS))})"
    return (
        f"select {columns}, {quote_literal(mix.version)} as mix, tokens, copies, packed_tokens "
        f"from {decided} left join (select document_id, tokens, copies, packed_tokens "
        f"from {packed}) as packed using (document_id)"
    )
