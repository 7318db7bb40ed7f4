{#- No two rows agree in all of the columns. -#}
{% test unique_combination(model, columns) %}
    {%- set list = [] -%}
    {%- for column in columns %}{% do list.append(adapter.quote(column)) %}{% endfor %}
    select {{ list | join(", ") }}, count(*) as rows_found
    from {{ model }}
    group by {{ list | join(", ") }}
    having count(*) > 1
{% endtest %}
