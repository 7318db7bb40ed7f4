{{ config(meta={"dagster": {"ref": {"name": "dispositions"}}}) }}
-- Recipes differ in pretraining only: a conversation that one keeps, for post-training or for
-- tampering, all keep.

select document_id
from {{ ref('dispositions') }}
where use <> 'pretraining'
group by document_id
having count(distinct state || coalesce(rule, '')) > 1
