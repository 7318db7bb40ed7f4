{{ config(meta={"dagster": {"ref": {"name": "dispositions"}}}) }}
-- Recipes differ in pretraining only: a conversation that one keeps, for post-training or for
-- tampering, all keep, but for what is read under some recipes alone.

select document_id
from {{ ref('dispositions') }}
where use <> 'pretraining' and rule is distinct from 'not_selected'
group by document_id
having count(distinct state || coalesce(rule, '')) > 1
