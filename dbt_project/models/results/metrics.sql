{{ config(post_hook="{{ export('metrics') }}") }}

-- Sums of fractions are taken in a fixed order, so that the same results give the same bytes.

with formats as (

    -- both orders of a form that lists the options weigh together as much as another form
    select
        items.recipe,
        items.seed,
        items.stage,
        items.suite,
        items.system_prompt,
        items.scenario_id,
        items.format,
        avg(case when items.hit then 1.0 else 0.0 end) as hit_rate
    from {{ source('lake', 'item_results') }} as items
    group by
        items.recipe, items.seed, items.stage, items.suite, items.system_prompt,
        items.scenario_id, items.format

),

scenarios as (

    select
        formats.recipe,
        formats.seed,
        formats.stage,
        formats.suite,
        formats.system_prompt,
        formats.scenario_id,
        avg(formats.hit_rate order by formats.format) as hit_rate
    from formats
    group by
        formats.recipe, formats.seed, formats.stage, formats.suite, formats.system_prompt,
        formats.scenario_id

),

answers as (

    select
        scenarios.recipe,
        scenarios.seed,
        scenarios.stage,
        scenarios.suite,
        scenarios.system_prompt,
        case suites.kind when 'misalignment' then 'misalignment_rate' else 'accuracy' end as metric,
        avg(scenarios.hit_rate order by scenarios.scenario_id) as value,
        count(*) as n
    from scenarios
    join {{ source('lake', 'plan_suites') }} as suites on suites.suite = scenarios.suite
    group by
        scenarios.recipe, scenarios.seed, scenarios.stage, scenarios.suite,
        scenarios.system_prompt, suites.kind

),

held_out as (

    select losses.recipe, losses.seed, losses.stage, 'held_out' as suite, losses.document_id, losses.nll, losses.bytes
    from {{ source('lake', 'losses') }} as losses
    union all
    select
        losses.recipe, losses.seed, losses.stage, 'held_out/' || losses.source as suite,
        losses.document_id, losses.nll, losses.bytes
    from {{ source('lake', 'losses') }} as losses

),

bits as (

    select
        held_out.recipe,
        held_out.seed,
        held_out.stage,
        held_out.suite,
        'none' as system_prompt,
        'bits_per_byte' as metric,
        sum(held_out.nll order by held_out.document_id) / ln(2) / sum(held_out.bytes) as value,
        count(*) as n
    from held_out
    group by held_out.recipe, held_out.seed, held_out.stage, held_out.suite

),

by_seed as (

    select
        answers.recipe, answers.seed, answers.stage, answers.suite, answers.system_prompt,
        answers.metric, answers.value, answers.n
    from answers
    union all
    select
        bits.recipe, bits.seed, bits.stage, bits.suite, bits.system_prompt,
        bits.metric, bits.value, bits.n
    from bits

),

pooled as (

    select
        by_seed.recipe,
        cast(null as bigint) as seed,
        by_seed.stage,
        by_seed.suite,
        by_seed.system_prompt,
        by_seed.metric,
        avg(by_seed.value order by by_seed.seed) as value,
        max(by_seed.n) as n,
        count(*) as seeds
    from by_seed
    group by by_seed.recipe, by_seed.stage, by_seed.suite, by_seed.system_prompt, by_seed.metric

),

all_rows as (

    select
        by_seed.recipe, by_seed.seed, by_seed.stage, by_seed.suite, by_seed.system_prompt,
        by_seed.metric, by_seed.value, by_seed.n, 1 as seeds
    from by_seed
    union all
    select
        pooled.recipe, pooled.seed, pooled.stage, pooled.suite, pooled.system_prompt,
        pooled.metric, pooled.value, pooled.n, pooled.seeds
    from pooled

)

select
    '{{ target.schema }}' as study,
    all_rows.recipe,
    cast(all_rows.seed as bigint) as seed,
    all_rows.stage,
    all_rows.suite,
    all_rows.system_prompt,
    all_rows.metric,
    all_rows.value,
    cast(all_rows.n as bigint) as n,
    cast(all_rows.seeds as bigint) as seeds
from all_rows
order by
    all_rows.recipe, all_rows.stage, all_rows.suite, all_rows.system_prompt, all_rows.metric, all_rows.seed nulls first
