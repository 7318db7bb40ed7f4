"""Templates of published tasks, rendered as lm-evaluation-harness renders them, in a sandbox.

The rows are variables, never a part of the template, so their text is not evaluated.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Render = Callable[[str, Mapping[str, Any]], str]


class TemplateFault(ValueError):
    """A template that cannot be rendered with a row; the message says why."""


def make_renderer() -> Render:
    """A function that fills a template with a row's fields.

    It raises `TemplateFault` for bad syntax, for a field that the row lacks, and for whatever
    the sandbox forbids.
    """
    # Imported here for its weight: declarations are loaded by processes that render nothing.
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True
    )
    # The filter of this name that lm-evaluation-harness adds.
    environment.filters["regex_replace"] = lambda text, pattern, replacement, count=0: re.sub(
        pattern, replacement, text, count=count
    )

    def render(template: str, fields: Mapping[str, Any]) -> str:
        try:
            return environment.from_string(template).render(**fields)
        except (
            TemplateError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            re.error,
        ) as error:
            raise TemplateFault(f"the template cannot be rendered: {error}") from None

    return render
