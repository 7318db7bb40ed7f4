"""Alignment pretraining as a declarative workflow: raw corpus to eval report, with lineage."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alignment_dagster.components import StudyComponent

__all__ = ["StudyComponent"]


def __getattr__(name: str) -> object:
    """The component that Dagster looks for here, imported when it is asked for.

    It needs Dagster, which takes seconds to import, and every command imports this package.
    """
    if name == "StudyComponent":
        from alignment_dagster.components import StudyComponent

        return StudyComponent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Dagster finds components by listing the names of this module."""
    return [*globals(), *__all__]
