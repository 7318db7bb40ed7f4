"""What Dagster's pages show of `tokenizer`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np

from alignment_dagster.lineage.lake import Artifact
from alignment_dagster.mixing.tokenizer import load_tokenizer
from alignment_dagster.steps.pages import charts
from alignment_dagster.steps.pages.tables import drawing, table
from alignment_dagster.study import Study


def page_metadata(_study: Study, artifact: Artifact) -> Mapping[str, Any]:
    """The size of the vocabulary, how long its entries are, and the longest."""
    vocabulary = load_tokenizer(artifact.path).get_vocab()
    longest = sorted(vocabulary, key=lambda entry: (-len(entry), entry))[:10]
    rows = [{"id": vocabulary[entry], "entry": entry.replace("Ġ", "␣")} for entry in longest]
    lengths = charts.histogram(np.array([*map(len, vocabulary)]), "characters", "entries")
    return {
        "plot": drawing(lengths, "characters of an entry"),
        "vocabulary": len(vocabulary),
        "longest_entries": dg.MetadataValue.md(table(rows, ["id", "entry"])),
    }
