"""A declared licence's text as the identifiers that other formats know; else the text stays."""

HUB = frozenset(
    {
        "apache-2.0", "mit", "bsd-3-clause", "bsd-2-clause", "cc0-1.0", "cc-by-2.0", "cc-by-3.0",
        "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
        "cc-by-nd-4.0", "gpl-3.0", "odc-by", "odbl", "pddl", "unlicense",
    }
)  # fmt: skip
"""Of the identifiers that the Hugging Face Hub lists, those a corpus is likely to have."""


def hyphened(licence: str) -> str:
    """`CC BY 4.0` as identifiers are written: `CC-BY-4.0`."""
    return "-".join(licence.split())


def hub_licence(licence: str) -> str | None:
    """The Hub's identifier, where the declared text is one."""
    name = hyphened(licence).lower()
    return name if name in HUB else None


def spdx_licence(licence: str) -> str | None:
    """The SPDX identifier, where the declared text is one."""
    from cyclonedx.spdx import fixup_id

    return fixup_id(hyphened(licence))
