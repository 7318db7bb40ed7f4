{{ config(meta={"dagster": {"ref": {"name": "metrics"}}}) }}
-- No result of a suite that the study does not declare, and none left out of the metrics.

select items.recipe, items.seed, items.stage, items.suite, items.system_prompt
from {{ source('lake', 'item_results') }} as items
anti join {{ ref('metrics') }} as metrics
    on metrics.recipe = items.recipe and metrics.seed = items.seed and metrics.stage = items.stage
    and metrics.suite = items.suite and metrics.system_prompt = items.system_prompt
group by all
