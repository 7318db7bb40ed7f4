{{ config(meta={"dagster": {"ref": {"name": "dispositions"}}}) }}
-- No kept document has the normalised text of a document that was held out.

with aside as (

    select distinct documents.fingerprint
    from {{ ref('documents') }} as documents
    where documents.held_out and documents.duplicate_of is null

)

select decided.document_id, decided.recipe
from {{ ref('dispositions') }} as decided
join {{ ref('documents') }} as documents on documents.document_id = decided.document_id
join aside on aside.fingerprint = documents.fingerprint
where decided.state = 'kept' and decided.use = 'pretraining'
