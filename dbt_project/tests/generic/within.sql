{#- Every value lies between two bounds, both included. -#}
{% test within(model, column_name, low, high=none) %}
    select {{ adapter.quote(column_name) }}
    from {{ model }}
    where {{ adapter.quote(column_name) }} < {{ low }}
    {%- if high is not none %} or {{ adapter.quote(column_name) }} > {{ high }}{% endif %}
{% endtest %}
