with repeats as (

    select repeats.document_id, count(*) as rows
    from {{ source('lake', 'raw_repeats') }} as repeats
    group by repeats.document_id

)

select
    raw.document_id,
    raw.source,
    sources."group",
    sources.role,
    sources.position as source_position,
    raw.position,
    raw.path,
    raw.line,
    raw.external_id,
    1 + coalesce(repeats.rows, 0) as occurrences,
    raw.characters,
    fingerprint.fingerprint,
    case when contamination.contaminated then contamination.item_id end as item_id,
    sources.ai_discourse as ai_discourse_label,
    ai_discourse.flagged as ai_discourse_flagged,
    case
        when ai_discourse.instant_hits > 0 then 'instant'
        when ai_discourse.flagged then 'two_stage'
    end as ai_discourse_tier
from {{ source('lake', 'raw_documents') }} as raw
left join repeats on repeats.document_id = raw.document_id
join {{ source('lake', 'plan_sources') }} as sources on sources.source = raw.source
left join {{ source('lake', 'fingerprint') }} as fingerprint on fingerprint.document_id = raw.document_id
left join {{ source('lake', 'contamination') }} as contamination on contamination.document_id = raw.document_id
left join {{ source('lake', 'ai_discourse') }} as ai_discourse on ai_discourse.document_id = raw.document_id
