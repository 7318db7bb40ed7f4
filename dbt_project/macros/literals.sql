{#- An SQL string literal. Everything that is not written in this project passes through here. -#}
{% macro literal(text) -%}
    '{{ text | string | replace("'", "''") }}'
{%- endmacro %}

{#- A path as a literal for `read_parquet`, which takes `[`, `*` and `?` for patterns. -#}
{% macro file_literal(path) -%}
    {%- set plain = [] -%}
    {%- for character in path -%}
        {%- do plain.append("[" ~ character ~ "]" if character in "[*?" else character) -%}
    {%- endfor -%}
    {{ literal(plain | join) }}
{%- endmacro %}

{#- The scan of a list of Parquet files; `path` names a column that holds each row's file. -#}
{% macro scan(paths, path=none) -%}
    read_parquet([
        {%- for path in paths %}{{ file_literal(path) }}{% if not loop.last %}, {% endif %}{% endfor -%}
    ], union_by_name = true{% if path %}, filename = {{ literal(path) }}{% endif %})
{%- endmacro %}
