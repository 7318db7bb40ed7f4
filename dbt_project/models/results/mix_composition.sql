{{ config(post_hook="{{ export('mix_composition') }}") }}

with measured as (

    select
        mixes.recipe,
        mixes.source,
        mixes."group",
        cast(mixes.documents as bigint) as documents,
        cast(mixes.tokens as bigint) as tokens,
        mixes.tokens / sum(mixes.tokens) over (partition by mixes.recipe) as share,
        sum(mixes.tokens) over (partition by mixes.recipe, mixes."group")
            / sum(mixes.tokens) over (partition by mixes.recipe) as group_share
    from {{ source('lake', 'mix_compositions') }} as mixes

)

select
    measured.recipe,
    measured.source,
    measured."group",
    measured.documents,
    measured.tokens,
    measured.share,
    measured.group_share,
    groups.share as declared_share
from measured
left join {{ source('lake', 'plan_groups') }} as groups
    on groups.recipe = measured.recipe and groups."group" = measured."group"
order by measured.recipe, measured.source
