select
    scores.document_id,
    scores.scorer,
    scores."column",
    scores.value
from {{ source('lake', 'scores') }} as scores
