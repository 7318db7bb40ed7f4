{{ config(post_hook="{{ export_by_recipe('dispositions') }}") }}

with candidates as (

    select
        documents.document_id,
        documents.source,
        documents."group",
        documents.position,
        documents.characters,
        documents.item_id,
        documents.duplicate_of,
        documents.held_out,
        recipes.recipe,
        groups.share,
        case documents.role
            when 'corpus' then 'pretraining'
            when 'chat' then 'sft'
            when 'preferences' then 'dpo'
            when 'tampering' then 'tampering'
        end as use,
        documents.role <> 'corpus' or groups."group" is not null as selected
    from {{ ref('documents') }} as documents
    cross join {{ source('lake', 'plan_recipes') }} as recipes
    left join {{ source('lake', 'plan_groups') }} as groups
        on groups.recipe = recipes.recipe and groups."group" = documents."group" and documents.role = 'corpus'

),

hits as (

    select
        candidates.document_id,
        candidates.recipe,
        arg_min(rules.rule, rules.position) as rule,
        arg_min(scores.value, rules.position) as value
    from candidates
    join {{ source('lake', 'plan_rules') }} as rules
        on rules.recipe = candidates.recipe
        and list_contains(rules.uses, candidates.use)
        and (rules."groups" is null or list_contains(rules."groups", candidates."group"))
    join {{ ref('stg_scores') }} as scores
        on scores.document_id = candidates.document_id
        and scores.scorer = rules.scorer
        and scores."column" = rules."column"
    where case rules.operator when 'above' then scores.value > rules.bound else scores.value < rules.bound end
    group by candidates.document_id, candidates.recipe

),

decided as (

    select
        candidates.document_id,
        candidates.source,
        candidates."group",
        candidates.position,
        candidates.recipe,
        candidates.use,
        candidates.share,
        candidates.characters,
        case
            when not candidates.selected then 'not_selected'
            when candidates.item_id is not null then 'evaluation_item'
            when candidates.duplicate_of is not null then 'exact_duplicate'
            when candidates.held_out then 'held_out'
            else hits.rule
        end as rule,
        case
            when not candidates.selected then null
            when candidates.item_id is not null then candidates.item_id
            else candidates.duplicate_of
        end as cause,
        case
            when candidates.selected and candidates.item_id is null
                and candidates.duplicate_of is null and not candidates.held_out
            then hits.value
        end as value
    from candidates
    left join hits on hits.document_id = candidates.document_id and hits.recipe = candidates.recipe

),

kept as (

    select
        decided.recipe,
        decided."group",
        any_value(decided.share) / sum(decided.characters) as density
    from decided
    where decided.rule is null and decided.use = 'pretraining'
    group by decided.recipe, decided."group"

),

factors as (

    select
        kept.recipe,
        kept."group",
        kept.density / remainder.density as weight
    from kept
    join {{ source('lake', 'plan_groups') }} as groups on groups.recipe = kept.recipe and groups.is_remainder
    join kept as remainder on remainder.recipe = groups.recipe and remainder."group" = groups."group"

)

select
    decided.document_id,
    decided.source,
    decided."group",
    decided.recipe,
    decided.use,
    case when decided.rule is null then 'kept' else 'dropped' end as state,
    decided.rule,
    decided.value,
    decided.cause,
    case
        when decided.rule is not null then 0.0
        when decided.use <> 'pretraining' then 1.0
        else factors.weight
    end::double as weight,
    decided.characters
from decided
left join factors on factors.recipe = decided.recipe and factors."group" = decided."group"
left join {{ source('lake', 'plan_sources') }} as sources on sources.source = decided.source
order by decided.recipe, sources.position, decided.position
