"""Partition keys: a source, classifier or recipe, or a replicate `recipe|seed`; their folders."""

from alignment_dagster.chain import BY_SOURCE, CLASSIFIER

Partition = str | None
"""The key of a partition; None for what is one thing in a study."""
SEPARATOR = "|"
UNPARTITIONED = "all"
"""The folder of what has no partitions."""


def replicate(recipe: str, seed: int) -> str:
    """The key of a recipe trained with a seed."""
    return f"{recipe}{SEPARATOR}{seed}"


def is_replicate(partition: Partition) -> bool:
    """Whether it is of a recipe and a seed."""
    return SEPARATOR in (partition or "")


def recipe_of(partition: Partition) -> str:
    """The recipe of a partition `recipe` or `recipe|seed`."""
    return (partition or "").split(SEPARATOR)[0]


def seed_of(partition: Partition) -> int:
    """The seed of a partition `recipe|seed`."""
    return int((partition or "").split(SEPARATOR)[1])


def find_seed(partition: Partition) -> int | None:
    """The seed of a partition; None where it has none."""
    return seed_of(partition) if is_replicate(partition) else None


def partition_label(asset: str, partition: Partition) -> str:
    """`asset[partition]`, as messages name it."""
    return f"{asset}[{partition}]" if partition else asset


def folder_name(partition: Partition) -> str:
    """The name of a partition's folder in the lake."""
    return (partition or UNPARTITIONED).replace(SEPARATOR, ".")


def partition_at(asset: str, folder: str) -> Partition:
    """The partition that a folder's name stands for."""
    if folder == UNPARTITIONED and asset not in (*BY_SOURCE, CLASSIFIER):
        return None
    recipe, dot, seed = folder.rpartition(".")
    return replicate(recipe, int(seed)) if dot and seed.isdigit() else folder
