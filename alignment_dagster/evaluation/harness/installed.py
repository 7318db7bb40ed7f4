"""Whether lm-evaluation-harness, an extra, is installed."""

from importlib.util import find_spec

NEEDS_LM_EVAL = (
    "tasks of lm-evaluation-harness need lm-eval: pip install 'alignment-dagster[harness]'"
)


def lm_eval_installed() -> bool:
    """Whether its package can be imported; it is not (that takes seconds)."""
    return find_spec("lm_eval") is not None
