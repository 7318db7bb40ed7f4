{{ config(meta={"dagster": {"ref": {"name": "dispositions"}}}) }}
-- Every group that a recipe gives a share has characters left after all rules.

select groups.recipe, groups."group", groups.share
from {{ source('lake', 'plan_groups') }} as groups
left join {{ ref('dispositions') }} as decided
    on decided.recipe = groups.recipe
    and decided."group" = groups."group"
    and decided.use = 'pretraining'
    and decided.state = 'kept'
group by groups.recipe, groups."group", groups.share
having coalesce(sum(decided.characters), 0) = 0
