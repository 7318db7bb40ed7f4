{#-
    Post-hooks that write a finished model to the lake's side as Parquet, in the model's own order.
    They run before the tests do: whoever publishes the files waits for the tests.
-#}
{% macro export(name) -%}
    copy (select * from {{ this }})
    to {{ literal(env_var("ALIGNMENT_EXPORTS", "exports") ~ "/" ~ name ~ ".parquet") }}
    (format parquet, compression zstd)
{%- endmacro %}

{#- One file a recipe: `<folder>/<recipe>.parquet`. -#}
{% macro export_by_recipe(folder) %}
    {% if execute %}
        {% set recipes = run_query("select distinct recipe from " ~ this ~ " order by recipe") %}
        {% for recipe in recipes.columns[0].values() %}
            {% set file = env_var("ALIGNMENT_EXPORTS") ~ "/" ~ folder ~ "/" ~ recipe ~ ".parquet" %}
            {% do run_query(
                "copy (select * from " ~ this ~ " where recipe = " ~ literal(recipe) ~ ") to "
                ~ literal(file) ~ " (format parquet, compression zstd)"
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
