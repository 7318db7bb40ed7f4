{{ config(post_hook="{{ export_by_recipe('dispositions') }}") }}

with recursive aside as (

    select documents.document_id, documents.fingerprint
    from {{ ref('documents') }} as documents
    where documents.held_out and documents.duplicate_of is null

),

near as (

    select near_duplicates.document_id, near_duplicates.earlier_id, near_duplicates.similarity
    from {{ source('lake', 'near_duplicates') }} as near_duplicates

),

-- what is nearly a held-out text would give it away
near_aside as (

    select
        documents.fingerprint,
        arg_min(aside.document_id, (-either.similarity, aside.document_id)) as document_id,
        max(either.similarity) as similarity
    from (
        select near.document_id, near.earlier_id as other_id, near.similarity from near
        union all
        select near.earlier_id, near.document_id, near.similarity from near
    ) as either
    join {{ ref('documents') }} as documents
        on documents.document_id = either.document_id and documents.role = 'corpus'
    join {{ ref('documents') }} as others on others.document_id = either.other_id
    join aside on aside.fingerprint = others.fingerprint
    group by documents.fingerprint

),

-- what is like a text of an earlier version of a source, which is in no source any more
gone as (

    select
        documents.role,
        documents.fingerprint,
        arg_min(near.earlier_id, (-near.similarity, near.earlier_id)) as document_id,
        max(near.similarity) as similarity
    from near
    join {{ ref('documents') }} as documents on documents.document_id = near.document_id
    anti join {{ ref('documents') }} as others on others.document_id = near.earlier_id
    group by documents.role, documents.fingerprint

),

candidates as (

    select
        documents.document_id,
        documents.source,
        documents."group",
        documents.position,
        documents.characters,
        documents.item_id,
        documents.fingerprint,
        coalesce(aside.document_id, near_aside.document_id) as held_out_as,
        case when aside.document_id is null then near_aside.similarity end as held_out_similarity,
        gone.document_id as gone_as,
        gone.similarity as gone_similarity,
        sources.position as source_position,
        row_number() over (
            partition by recipes.recipe, documents.role, documents.fingerprint
            -- what other recipes read too comes first, so that all keep the same copy
            order by
                sources.recipes is not null,
                documents.duplicate_of is not null,
                sources.position,
                documents.position
        ) as place_among_copies,
        recipes.recipe,
        groups.share,
        case documents.role
            when 'corpus' then 'pretraining'
            when 'chat' then 'sft'
            when 'preferences' then 'dpo'
            when 'tampering' then 'tampering'
        end as use,
        case documents.role
            when 'corpus' then groups."group" is not null
            else coalesce(list_contains(sources.recipes, recipes.recipe), true)
        end as selected
    from {{ ref('documents') }} as documents
    cross join {{ source('lake', 'plan_recipes') }} as recipes
    left join {{ source('lake', 'plan_groups') }} as groups
        on groups.recipe = recipes.recipe and groups."group" = documents."group" and documents.role = 'corpus'
    left join {{ source('lake', 'plan_sources') }} as sources on sources.source = documents.source
    left join gone on gone.role = documents.role and gone.fingerprint = documents.fingerprint
    left join aside on aside.fingerprint = documents.fingerprint and documents.role = 'corpus'
    left join near_aside on near_aside.fingerprint = documents.fingerprint and documents.role = 'corpus'

),

failed as (

    select failures.document_id, min(failures.scorer) as scorer
    from {{ source('lake', 'failures') }} as failures
    group by failures.document_id

),

-- of each rule the clauses of which every comparison holds
clauses as (

    select
        candidates.document_id,
        candidates.recipe,
        rules.position,
        rules.rule,
        comparisons.clause,
        any_value(scores.value) as value
    from candidates
    join {{ source('lake', 'plan_rules') }} as rules
        on rules.recipe = candidates.recipe
        and list_contains(rules.uses, candidates.use)
        and (rules."groups" is null or list_contains(rules."groups", candidates."group"))
    join {{ source('lake', 'plan_comparisons') }} as comparisons
        on comparisons.recipe = rules.recipe
        and comparisons.position = rules.position
    join {{ ref('stg_scores') }} as scores
        on scores.document_id = candidates.document_id
        and scores.scorer = comparisons.scorer
        and scores."column" = comparisons."column"
    where case comparisons.operator
        when 'above' then scores.value > comparisons.bound
        when 'below' then scores.value < comparisons.bound
        else list_contains(comparisons.texts, scores."text")
    end <> comparisons.negated
    group by all
    having count(*) = any_value(comparisons.comparisons)

),

hits as (

    select clauses.document_id, clauses.recipe, clauses.rule, clauses.value
    from clauses
    qualify row_number() over (
        partition by clauses.document_id, clauses.recipe
        order by clauses.position, clauses.clause
    ) = 1

),

-- of each text the first copy that the recipe has and no rule drops: the one that it reads
first_copies as (

    select
        candidates.recipe,
        candidates.use,
        candidates.fingerprint,
        min(candidates.place_among_copies) as place,
        arg_min(candidates.document_id, candidates.place_among_copies) as document_id
    from candidates
    left join hits on hits.document_id = candidates.document_id and hits.recipe = candidates.recipe
    left join failed on failed.document_id = candidates.document_id
    where candidates.selected
        and candidates.item_id is null
        and candidates.held_out_as is null
        and candidates.gone_as is null
        and failed.scorer is null
        and hits.rule is null
    group by candidates.recipe, candidates.use, candidates.fingerprint

),

-- the similar texts among them
alike as (

    select
        later_copies.recipe,
        later_copies.use,
        later_copies.fingerprint as later,
        earlier_copies.fingerprint as earlier,
        earlier_copies.document_id,
        earlier.source_position,
        earlier.position,
        near.similarity
    from near
    join candidates as later on later.document_id = near.document_id
    join candidates as earlier
        on earlier.document_id = near.earlier_id and earlier.recipe = later.recipe and earlier.use = later.use
    join first_copies as later_copies
        on later_copies.recipe = later.recipe
        and later_copies.use = later.use
        and later_copies.fingerprint = later.fingerprint
    join first_copies as earlier_copies
        on earlier_copies.recipe = earlier.recipe
        and earlier_copies.use = earlier.use
        and earlier_copies.fingerprint = earlier.fingerprint

),

-- each round removes what is like a text that nothing earlier can remove any more
rounds as (

    select alike.recipe, alike.use, alike.later, alike.earlier, 0 as round
    from alike
    union all
    select rounds.recipe, rounds.use, rounds.later, rounds.earlier, rounds.round + 1 as round
    from rounds
    anti join (
        select open_pairs.recipe, open_pairs.use, open_pairs.later
        from rounds as open_pairs
        anti join rounds as before
            on before.recipe = open_pairs.recipe
            and before.use = open_pairs.use
            and before.later = open_pairs.earlier
    ) as gone
        on gone.recipe = rounds.recipe and gone.use = rounds.use and gone.later in (rounds.later, rounds.earlier)

),

removed as (

    select distinct rounds.recipe, rounds.use, rounds.later as fingerprint
    from rounds
    anti join rounds as before
        on before.recipe = rounds.recipe
        and before.use = rounds.use
        and before.round = rounds.round
        and before.later = rounds.earlier

),

-- for each of them the first kept text that it is like
near_copies as (

    select
        alike.recipe,
        alike.use,
        alike.later as fingerprint,
        arg_min(alike.document_id, (alike.source_position, alike.position)) as document_id,
        arg_min(alike.similarity, (alike.source_position, alike.position)) as similarity
    from alike
    semi join removed
        on removed.recipe = alike.recipe and removed.use = alike.use and removed.fingerprint = alike.later
    anti join removed as gone
        on gone.recipe = alike.recipe and gone.use = alike.use and gone.fingerprint = alike.earlier
    group by alike.recipe, alike.use, alike.later

),

decided as (

    select
        candidates.document_id,
        candidates.source,
        candidates."group",
        candidates.position,
        candidates.source_position,
        candidates.recipe,
        candidates.use,
        candidates.share,
        candidates.characters,
        case
            when not candidates.selected then 'not_selected'
            when failed.scorer is not null then 'scorer_failed'
            when candidates.item_id is not null then 'evaluation_item'
            when candidates.gone_as is not null then 'near_duplicate'
            when candidates.place_among_copies >= first_copies.place and near_copies.document_id is not null
                then 'near_duplicate'
            when candidates.place_among_copies > first_copies.place then 'exact_duplicate'
            when candidates.held_out_as is not null then 'held_out'
            else hits.rule
        end as rule,
        hits.rule as declared_rule,
        case
            when not candidates.selected then null
            when failed.scorer is not null then failed.scorer
            when candidates.item_id is not null then candidates.item_id
            when candidates.gone_as is not null then candidates.gone_as
            when candidates.place_among_copies >= first_copies.place and near_copies.document_id is not null
                then near_copies.document_id
            when candidates.place_among_copies > first_copies.place then first_copies.document_id
            when candidates.held_out_as <> candidates.document_id then candidates.held_out_as
        end as cause,
        hits.value,
        coalesce(candidates.gone_similarity, near_copies.similarity) as similarity,
        candidates.held_out_similarity
    from candidates
    left join hits on hits.document_id = candidates.document_id and hits.recipe = candidates.recipe
    left join failed on failed.document_id = candidates.document_id
    left join first_copies
        on first_copies.recipe = candidates.recipe
        and first_copies.use = candidates.use
        and first_copies.fingerprint = candidates.fingerprint
    left join near_copies
        on near_copies.recipe = candidates.recipe
        and near_copies.use = candidates.use
        and near_copies.fingerprint = candidates.fingerprint

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
    case
        when decided.rule is null then 'kept'
        when decided.rule = 'scorer_failed' then 'quarantined'
        else 'dropped'
    end as state,
    decided.rule,
    case decided.rule
        when 'near_duplicate' then decided.similarity
        when 'held_out' then decided.held_out_similarity
        when decided.declared_rule then decided.value
    end as value,
    decided.cause,
    case
        when decided.rule is not null then 0.0
        when decided.use <> 'pretraining' then 1.0
        else factors.weight
    end::double as weight,
    decided.characters
from decided
left join factors on factors.recipe = decided.recipe and factors."group" = decided."group"
order by decided.recipe, decided.source_position, decided.position
