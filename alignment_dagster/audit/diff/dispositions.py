"""What became of every document under a recipe, on both sides: the table that all counts are of."""

from collections.abc import Sequence

import duckdb

KEPT, DROPPED, ABSENT = "kept", "dropped: ", "not in the corpus"
ADDED, REMOVED, MORE, LESS, SAME = "added", "removed", "seen more", "seen less", "same"

CREATE = """
create or replace temp table disposition_changes (
    recipe varchar, document_id varchar, source varchar, "group" varchar, was varchar, now varchar,
    value_was double, value_now double, weight_was double, weight_now double,
    tokens_was bigint, tokens_now bigint, length_was bigint, length_now bigint, mix varchar
)
"""
DECISION = f"""case when {{0}}.document_id is null then '{ABSENT}'
        when {{0}}.state = 'kept' then '{KEPT}' else '{DROPPED}' || {{0}}.rule end"""
FILL = f"""
insert into disposition_changes
with decided as (
    select
        coalesce(new.document_id, old.document_id) as document_id,
        coalesce(new.source, old.source) as source,
        coalesce(new."group", old."group") as "group",
        {DECISION.format("old")} as was,
        {DECISION.format("new")} as now,
        old.value as value_was, new.value as value_now,
        case when old.state = 'kept' then old.weight end as weight_was,
        case when new.state = 'kept' then new.weight end as weight_now
    from (select * from before.dispositions where recipe = $1) as old
    full join (select * from after.dispositions where recipe = $1) as new
        on new.document_id = old.document_id
),
mixed as (
    select
        decided.*,
        old.packed_tokens as tokens_was, new.packed_tokens as tokens_now,
        old.tokens as length_was, new.tokens as length_now,
        case
            when old.packed_tokens is null and new.packed_tokens is null then '{SAME}'
            when old.packed_tokens is null then '{ADDED}'
            when new.packed_tokens is null then '{REMOVED}'
            when new.packed_tokens::double / new.tokens > old.packed_tokens::double / old.tokens
                then '{MORE}'
            when new.packed_tokens::double / new.tokens < old.packed_tokens::double / old.tokens
                then '{LESS}'
            else '{SAME}'
        end as mix
    from decided
    left join (select * from before.mixes where recipe = $1) as old
        on old.document_id = decided.document_id
    left join (select * from after.mixes where recipe = $1) as new
        on new.document_id = decided.document_id
)
select
    $1 as recipe, document_id, source, "group", was, now, value_was, value_now,
    weight_was, weight_now, tokens_was, tokens_now, length_was, length_now, mix
from mixed
where was <> now or mix <> '{SAME}' or weight_was is distinct from weight_now
"""


def fill_changes(connection: duckdb.DuckDBPyConnection, recipes: Sequence[str]) -> None:
    """Fill the table `disposition_changes`: of each recipe the documents of which anything differs.

    `was` and `now` are what was decided, `mix` how often the model sees it (packed tokens over
    the document's own), the weights those of kept documents.
    """
    connection.execute(CREATE)
    for recipe in recipes:
        connection.execute(FILL, [recipe])
