"""How names, numbers and foreign text are written for a reader."""

import math
from typing import Protocol

DASH = "\u2013"
NBSP = "\u00a0"
STAGES = {
    "base": "Before post-training",
    "midtrained": "After midtraining",
    "sft": "After SFT",
    "dpo": "After SFT and DPO",
    "grpo": "After SFT, DPO and GRPO",
}


class Interval(Protocol):
    """Anything with a value and an interval."""

    @property
    def value(self) -> float: ...
    @property
    def ci_low(self) -> float: ...
    @property
    def ci_high(self) -> float: ...


def spaced(name: str) -> str:
    """A name for reading."""
    return name.replace("_", " ")


def number(value: float | None, digits: int, signed: bool = False) -> str:
    """`0.45`; a dash where there is no number."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    # A rounded zero has no sign.
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "\u2212")


def span(low: float | None, high: float | None, digits: int, signed: bool = False) -> str:
    """`0.40 to 0.50`; nothing where there is no interval."""
    low_text, high_text = number(low, digits, signed), number(high, digits, signed)
    return "" if DASH in (low_text, high_text) else f"{low_text} to {high_text}"


def p_value(value: float) -> str:
    """Three decimals; `<0.001` below."""
    if not math.isfinite(value):
        return DASH
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def percent(row: Interval) -> str:
    """`45 % [40 to 50]`."""
    inside = span(100 * row.ci_low, 100 * row.ci_high, 0)
    return f"{number(100 * row.value, 0)}{NBSP}%" + (f" [{inside}]" if inside else "")


def interval_text(row: Interval, digits: int = 2) -> str:
    """`0.45 (0.40 to 0.50)`, for the text that stands for a figure."""
    inside = span(row.ci_low, row.ci_high, digits)
    return number(row.value, digits) + (f" ({inside})" if inside else "")


def count(value: int, one: str, many: str | None = None) -> str:
    """`1 seed`, `2 seeds`."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def shorten(text: str, longest: int) -> str:
    """The text, or its beginning and end with a note between them that says how long it is."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end]} [… cut: {len(text):,} characters in all …] {text[-end:]}"
