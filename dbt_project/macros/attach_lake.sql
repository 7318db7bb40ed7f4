{#-
    Makes the lake visible as views in the schema `<study>_lake`, before anything else runs.

    Which files those are is read from `$ALIGNMENT_INPUTS/inputs.parquet`, not passed as variables: the
    project then stays parsed from run to run, and no path ever reaches SQL but as a literal.
    Text of documents stays in the lake: no model selects it.
-#}
{% macro attach_lake() %}
    {% if execute and flags.WHICH in ["build", "run", "test"] %}
        {% set folder = env_var("ALIGNMENT_INPUTS") %}
        {% do run_query("create schema if not exists " ~ lake_schema()) %}
        {% set index = file_literal(folder ~ "/inputs.parquet") %}
        {% set inputs = run_query("select kind, name, path from read_parquet(" ~ index ~ ") order by all") %}
        {% set files = {} %}
        {% for row in inputs.rows %}
            {% do files.setdefault(row["kind"], {}).setdefault(row["name"], []).append(row["path"]) %}
        {% endfor %}
        {% for name, paths in files.get("plan", {}).items() %}
            {% do attach("plan_" ~ name, "select * from " ~ scan(paths)) %}
        {% endfor %}
        {% for name, paths in files.get("documents", {}).items() %}
            {% do attach(name, "select * from " ~ scan(paths)) %}
        {% endfor %}
        {% for scorer, paths in files.get("scores", {}).items() %}
            {% do attach(scorer, "select * from " ~ scan(paths)) %}
        {% endfor %}
        {% if "scores" in files %}
            {% do attach("scores", long_scores(files["scores"], files["plan"]["comparisons"])) %}
        {% endif %}
        {% for name, paths in files.get("results", {}).items() %}
            {% do attach(name, results(paths, index)) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{% macro lake_schema() -%}
    {{ adapter.quote(target.schema ~ "_lake") }}
{%- endmacro %}

{% macro attach(name, query) %}
    {% do run_query("create or replace view " ~ lake_schema() ~ "." ~ adapter.quote(name) ~ " as " ~ query) %}
{% endmacro %}

{#- The columns of scorers that a rule compares, and what sources brought along, one row a value. -#}
{% macro long_scores(scorers, comparisons) %}
    {%- set selects = ["select document_id, 'metadata' as scorer, \"column\", number as value, \"text\" from "
        ~ lake_schema() ~ ".raw_metadata"] -%}
    {%- set compared = run_query("select distinct scorer, \"column\", operator = 'one_of' as of_texts from "
        ~ scan(comparisons) ~ " where scorer <> 'metadata' order by all") -%}
    {%- for row in compared.rows -%}
        {%- set column = adapter.quote(row["column"]) -%}
        {%- do selects.append(
            "select document_id, " ~ literal(row["scorer"]) ~ " as scorer, " ~ literal(row["column"]) ~ ' as "column", '
            ~ ("null::double as value, " ~ column if row["of_texts"] else "cast(" ~ column ~ " as double) as value, null::varchar")
            ~ ' as "text" from ' ~ scan(scorers[row["scorer"]])
        ) -%}
    {%- endfor -%}
    {{ selects | join(" union all ") }}
{% endmacro %}

{#- Files of one kind of result, with the recipe and seed that each belongs to. -#}
{% macro results(paths, index) %}
    select inputs.recipe, inputs.seed, files.* exclude (lake_path)
    from {{ scan(paths, "lake_path") }} as files
    join read_parquet({{ index }}) as inputs on inputs.path = files.lake_path
{% endmacro %}
