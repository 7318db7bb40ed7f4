{{ config(meta={"dagster": {"ref": {"name": "dispositions"}}}) }}
-- Raw = kept + dropped for every recipe: no document is lost, none is invented.

with decided as (

    select recipe, count(*) filter (state = 'kept') as kept, count(*) filter (state = 'dropped') as dropped
    from {{ ref('dispositions') }}
    group by recipe

),

raw as (

    select count(*) as documents from {{ source('lake', 'raw_documents') }}

)

select recipes.recipe, raw.documents as raw, decided.kept, decided.dropped, null as document_id
from {{ source('lake', 'plan_recipes') }} as recipes
cross join raw
left join decided on decided.recipe = recipes.recipe
where raw.documents is distinct from decided.kept + decided.dropped
union all
select null, null, null, null, lost.document_id
from {{ source('lake', 'raw_documents') }} as lost
anti join {{ ref('dispositions') }} as decided on decided.document_id = lost.document_id
