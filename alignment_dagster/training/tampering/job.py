"""What the tampering process is told, and at which steps it measures what; imports no torch."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from alignment_dagster.foundation.errors import DeclarationError
from alignment_dagster.foundation.placement import Determinism, DeviceName
from alignment_dagster.foundation.yaml_models import Declared
from alignment_dagster.study import Count, Suite, Tampering, Text
from alignment_dagster.training.jobs import Paths, Seed

Use = Literal["sft", "tampering"]


class TamperingData(Declared):
    """Conversations of one source, and which of them may be read."""

    documents: Paths
    """The shards of the raw corpus."""
    dispositions: Text
    """Parquet: only documents that are kept for `use` are trained on."""
    use: Use


class TamperJob(Declared):
    """All tamperings of one replicate: `python -m alignment_dagster.training.tampering.tamper`."""

    checkpoint: Text
    """Folder that holds the post-trained `sft/` and `dpo/`."""
    tamperings: Annotated[tuple[Tampering, ...], Field(strict=False, min_length=1)]
    data: dict[str, TamperingData]
    """By source."""
    suites: Annotated[tuple[Suite, ...], Field(strict=False)]
    digests: dict[str, Text]
    """Suite → content digest of its items; what differs from it is refused."""
    assets: Text
    held_out: Annotated[tuple[Paths, ...], Field(strict=False)]
    """The shards of each raw corpus whose held-out documents are scored."""
    documents: Text
    """The warehouse's `held_out.parquet`, which says what is held out."""
    batch_tokens: Count
    """Upper bound on the tokens of one forward pass of a measurement."""
    held_out_documents: Count
    sequence_length: Count
    seed: Seed
    output: Text
    work: Text
    device: DeviceName = "cpu"
    determinism: Determinism = "exact"


def points(steps: int) -> tuple[int, ...]:
    """The steps at which a tampering is measured: 0, 1, 2, 4, … and the last one."""
    doubled = [0, *(2**power for power in range(steps.bit_length()))]
    return (*(step for step in doubled if step < steps), steps)


def stage_name(tampering: str, step: int) -> str:
    """How a measured point is called among the stages."""
    return f"{tampering}@{step}"


def measured_suites(tampering: Tampering, suites: Iterable[Suite]) -> tuple[Suite, ...]:
    """The suites that a tampering names, as it asks them: no system prompt, its formats only.

    Raises:
        DeclarationError: for a suite that is absent, compares no options, or has none of the
            formats.
    """
    known = {suite.name: suite for suite in suites}
    return tuple(_select_formats(tampering, name, known.get(name)) for name in tampering.suites)


def _select_formats(tampering: Tampering, name: str, suite: Suite | None) -> Suite:
    place = f"tampering {tampering.name}: suites: {name}"
    if suite is None:
        raise DeclarationError(f"{place}: the study does not name this suite")
    if not suite.has_options:
        raise DeclarationError(f"{place}: its answers are written freely; it has no options")
    wanted = tampering.formats or suite.formats
    formats = tuple(form for form in suite.formats if form in wanted)
    if not formats:
        raise DeclarationError(
            f"{place}: it is asked in {', '.join(suite.formats)}, and formats are "
            f"{', '.join(wanted)}"
        )
    return suite.model_copy(update={"formats": formats, "system_prompts": ("none",)})
