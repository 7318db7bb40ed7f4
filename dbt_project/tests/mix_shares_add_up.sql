{{ config(meta={"dagster": {"ref": {"name": "mix_composition"}}}) }}
-- The sources of a mix make up all of its tokens.

select recipe, sum(share) as share
from {{ ref('mix_composition') }}
group by recipe
having abs(sum(share) - 1) > 1e-9
