{{ config(post_hook="{{ export('documents') }}") }}

with natural_groups as (

    select distinct groups."group"
    from {{ source('lake', 'plan_groups') }} as groups
    where groups.is_remainder

),

placed as (

    select
        documents.document_id,
        documents.source,
        documents."group",
        documents.role,
        documents.source_position,
        documents.position,
        documents.path,
        documents.line,
        documents.external_id,
        documents.occurrences,
        documents.characters,
        documents.fingerprint,
        documents.item_id,
        documents.ai_discourse_label,
        documents.ai_discourse_flagged,
        documents.ai_discourse_tier,
        -- natural text comes first: what is held out does not depend on the order of the sources
        first_value(documents.document_id) over (
            partition by documents.role, documents.fingerprint
            order by
                natural_groups."group" is not null and documents.role = 'corpus' desc,
                documents.source_position,
                documents.position
        ) as first_document,
        -- the fingerprint decides, not the id: duplicates fall on the same side
        cast('0x' || substr(sha256(documents.fingerprint), 1, 8) as bigint) / 4294967296.0 as place,
        natural_groups."group" is not null and documents.role = 'corpus' as is_natural
    from {{ ref('stg_documents') }} as documents
    left join natural_groups on natural_groups."group" = documents."group"

)

select
    placed.document_id,
    placed.source,
    placed."group",
    placed.role,
    placed.position,
    placed.path,
    placed.line,
    placed.external_id,
    placed.occurrences,
    placed.characters,
    placed.fingerprint,
    case when placed.first_document <> placed.document_id then placed.first_document end as duplicate_of,
    placed.item_id,
    placed.is_natural and placed.place < settings.held_out_share as held_out,
    placed.ai_discourse_label,
    placed.ai_discourse_flagged,
    placed.ai_discourse_tier
from placed
cross join {{ source('lake', 'plan_settings') }} as settings
order by placed.source_position, placed.position
