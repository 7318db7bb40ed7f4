{{ config(meta={"dagster": {"ref": {"name": "metrics"}}}) }}
-- A rate of answers lies between 0 and 1.

select recipe, seed, stage, suite, system_prompt, metric, value
from {{ ref('metrics') }}
where metric in ('misalignment_rate', 'accuracy') and value > 1
