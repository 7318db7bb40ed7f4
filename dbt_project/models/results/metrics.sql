{{ config(post_hook="{{ export('metrics') }}") }}

-- Sums of fractions are taken in a fixed order, so that the same results give the same bytes.

with items as (

    select
        found.recipe, found.seed, found.stage, found.suite, found.system_prompt, found.scenario_id,
        found.format, cast(found.hit as double) as hit
    from {{ source('lake', 'item_results') }} as found
    union all
    select
        tampered.recipe, tampered.seed, tampered.stage, tampered.suite, tampered.system_prompt,
        tampered.scenario_id, tampered.format, cast(tampered.hit as double) as hit
    from {{ source('lake', 'tampered_items') }} as tampered

),

formats as (

    -- both orders of a form that lists the options weigh together as much as another form
    select
        items.recipe,
        items.seed,
        items.stage,
        items.suite,
        items.system_prompt,
        items.scenario_id,
        items.format,
        avg(items.hit order by items.hit) as hit_rate
    from items
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
        suites.metric,
        avg(scenarios.hit_rate order by scenarios.scenario_id) as value,
        count(*) as n
    from scenarios
    join {{ source('lake', 'plan_suites') }} as suites on suites.suite = scenarios.suite
    group by
        scenarios.recipe, scenarios.seed, scenarios.stage, scenarios.suite,
        scenarios.system_prompt, suites.metric

),

losses as (

    select
        found.recipe, found.seed, found.stage, found.source, found.document_id, found.nll, found.bytes
    from {{ source('lake', 'losses') }} as found
    union all
    select
        tampered.recipe, tampered.seed, tampered.stage, tampered.source, tampered.document_id,
        tampered.nll, tampered.bytes
    from {{ source('lake', 'tampered_losses') }} as tampered

),

held_out as (

    select losses.recipe, losses.seed, losses.stage, 'held_out' as suite, losses.document_id, losses.nll, losses.bytes
    from losses
    union all
    select
        losses.recipe, losses.seed, losses.stage, 'held_out/' || losses.source as suite,
        losses.document_id, losses.nll, losses.bytes
    from losses

),

worst_cases as (

    -- an item is broken in the worst case if any attack broke it; of ties (1/k) the most counts
    select
        attacks.recipe, attacks.seed, attacks.stage, attacks.suite, 'worst_case' as attack,
        attacks.scenario_id, attacks.item_id, max(cast(attacks.hit as double)) as hit
    from {{ source('lake', 'attack_results') }} as attacks
    group by
        attacks.recipe, attacks.seed, attacks.stage, attacks.suite, attacks.scenario_id, attacks.item_id

),

attacked as (

    select
        attacks.recipe, attacks.seed, attacks.stage, attacks.suite, attacks.attack,
        attacks.scenario_id, cast(attacks.hit as double) as hit
    from {{ source('lake', 'attack_results') }} as attacks
    union all
    select
        worst_cases.recipe, worst_cases.seed, worst_cases.stage, worst_cases.suite,
        worst_cases.attack, worst_cases.scenario_id, worst_cases.hit
    from worst_cases

),

broken as (

    select
        attacked.recipe,
        attacked.seed,
        attacked.stage,
        attacked.suite,
        attacked.attack,
        attacked.scenario_id,
        avg(attacked.hit order by attacked.hit) as hit_rate
    from attacked
    group by
        attacked.recipe, attacked.seed, attacked.stage, attacked.suite, attacked.attack,
        attacked.scenario_id

),

attack_success as (

    select
        broken.recipe,
        broken.seed,
        broken.stage,
        broken.suite,
        broken.attack as system_prompt,
        'attack_success' as metric,
        avg(broken.hit_rate order by broken.scenario_id) as value,
        count(*) as n
    from broken
    group by broken.recipe, broken.seed, broken.stage, broken.suite, broken.attack

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
    union all
    select
        attack_success.recipe, attack_success.seed, attack_success.stage, attack_success.suite,
        attack_success.system_prompt, attack_success.metric, attack_success.value, attack_success.n
    from attack_success

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
