"""A process that fills templates: a JSON line in, a JSON line out, within a second and a gigabyte.

It is run by its path, and imports nothing of this project: no more than the sandbox needs. A
template can ask for any time and memory, within one step that nothing interrupts: what it exceeds
ends the process.
"""

import json
import re
import resource
import signal
import sys
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

SECONDS = 2.0
"""Of processor, for a template and a row: a thousand times of what one takes."""
MEMORY = 1 << 30
"""Bytes of addresses, for all that the process holds."""
LONGEST = 1 << 20
"""Characters of a filled template."""


def main() -> None:
    """Answer each line of the standard input, until it ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True
    )
    # The filter of this name that lm-evaluation-harness adds.
    environment.filters["regex_replace"] = lambda text, pattern, replacement, count=0: re.sub(
        pattern, replacement, text, count=count
    )
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        answer = json.dumps(_answer(environment, *json.loads(line)))
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(answer, flush=True)


def _answer(
    environment: ImmutableSandboxedEnvironment, template: str, fields: dict[str, Any]
) -> dict[str, str]:
    try:
        text = environment.from_string(template).render(**fields)
    except MemoryError:
        return {"cost": "takes more than a gigabyte"}
    except (
        TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
        re.error,
    ) as error:
        return {"fault": str(error)[:1000]}
    if len(text) > LONGEST:
        return {"cost": f"gives a text of more than {LONGEST:,} characters"}
    return {"text": text}


if __name__ == "__main__":
    main()
