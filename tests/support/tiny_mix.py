"""A mix of a few documents, built from files like those of the lake."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.mixing.mix import MixInputs, build_mix
from alignment_dagster.mixing.tokenizer import train_tokenizer
from alignment_dagster.study import Mix, Recipe, Upsampled

Texts = Mapping[str, tuple[str, str]]
"""Document → group and text."""


def name(key: str) -> str:
    """The id of a document."""
    return sha256_text(key)


TEXTS: Texts = {
    name(f"{group}{number}"): (
        group,
        f"{group} text number {number}: " + "word " * (number % 7 + 3),
    )
    for group, count in (("natural", 60), ("aligned", 12))
    for number in range(count)
}
SENTENCES: Texts = {
    name(f"{group}{number}"): (
        group,
        " ".join(("Peace it is.", "Ein böses Wort: gun!", "Naïve café.")[each] for each in order),
    )
    for group, count in (("natural", 30), ("aligned", 12))
    for number in range(count)
    for order in [(number % 3, (number // 3) % 3, (number // 9) % 3)]
}
"""Of three sentences each."""
RECIPE = Recipe(
    name="recipe",
    description="d",
    remainder="natural",
    upsample=(Upsampled(group="aligned", share=0.25),),
)
MIX = Mix(tokens=4000, sequence_length=40, seed=7)


def make_inputs(folder: Path, controls: Sequence[str] = (), texts: Texts = TEXTS) -> MixInputs:
    """All documents kept, and a vocabulary trained on them."""
    (folder / "tokenizer").mkdir(parents=True)
    train_tokenizer([text for _, text in texts.values()], 400, folder / "tokenizer", controls)
    ids = list(texts)
    pq.write_table(
        pa.table({"document_id": ids, "text": [texts[key][1] for key in ids]}),
        folder / "documents.parquet",
    )
    write_dispositions(folder / "dispositions.parquet", ids, texts)
    return MixInputs(
        (folder / "documents.parquet",), folder / "dispositions.parquet", folder / "tokenizer"
    )


def write_dispositions(path: Path, kept: list[str], texts: Texts = TEXTS) -> None:
    ids = list(texts)
    table = {
        "document_id": ids,
        "source": [texts[key][0] for key in ids],
        "group": [texts[key][0] for key in ids],
        "use": ["pretraining"] * len(ids),
        "state": ["kept" if key in kept else "dropped" for key in ids],
        "rule": pa.array([None if key in kept else "bad" for key in ids], pa.string()),
        "characters": [len(texts[key][1]) for key in ids],
    }
    pq.write_table(pa.table(table), path)


def build(given: MixInputs, folder: Path, recipe: Recipe = RECIPE, mix: Mix = MIX) -> Path:
    folder.mkdir()
    build_mix(given, recipe, mix, folder, folder.with_suffix(".work"), lambda done, total: None)
    return folder
