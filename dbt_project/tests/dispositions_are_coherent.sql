{{ config(meta={"dagster": {"ref": {"name": "dispositions"}}}) }}
-- Kept means a weight and no rule; dropped means a rule and no weight; the recipe keeps what a
-- duplicate repeats, or is like; what is like a text that is in no source any more names that one.

select decided.document_id, decided.recipe, decided.state, decided.rule, decided.weight, decided.cause
from {{ ref('dispositions') }} as decided
left join {{ ref('dispositions') }} as causes
    on causes.document_id = decided.cause and causes.recipe = decided.recipe and causes.state = 'kept'
where (decided.state = 'kept') <> (decided.rule is null)
    or (decided.state = 'kept') <> (decided.weight > 0)
    or (decided.rule = 'exact_duplicate' and causes.document_id is null)
    or (
        decided.rule = 'near_duplicate'
        and causes.document_id is null
        and (decided.cause is null or decided.cause in (select document_id from {{ ref('documents') }}))
    )
    or (decided.rule = 'near_duplicate' and decided.value is null)
    or (decided.rule = 'evaluation_item' and decided.cause is null)
