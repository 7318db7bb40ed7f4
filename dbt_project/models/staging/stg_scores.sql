select
    scores.document_id,
    scores.scorer,
    scores."column",
    scores.value,
    scores."text"
from {{ source('lake', 'scores') }} as scores
