"""Seconds and bytes as a person reads them."""

MINUTE, HOUR, DAY = 60, 3600, 86400


def bytes_words(count: float | None) -> str:
    """In the largest unit of 1,024 that it fills."""
    if count is None:
        return "unknown"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def time_words(seconds: float | None) -> str:
    """In the unit that leaves two or three digits."""
    if seconds is None:
        return "unknown"
    for size, unit in ((2 * DAY, "days"), (2 * HOUR, "h"), (2 * MINUTE, "min")):
        if seconds >= size:
            one = {"days": DAY, "h": HOUR, "min": MINUTE}[unit]
            return f"{seconds / one:,.1f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
