"""What the embedded grammar writes, without a study that is run."""

from functools import cache

from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.study import Source
from alignment_dagster.study.synthesis import SyntheticReader
from alignment_dagster.synthesis.generators.grammar import write_documents
from alignment_dagster.synthesis.scenarios import read_scenarios
from tests.support.checkout import CHECKOUT


@cache
def grammar_texts(polarity: str, documents: int) -> tuple[str, ...]:
    """The first documents of the embedded source of a polarity."""
    assets = CHECKOUT / "assets"
    source = read_yaml(assets / "sources" / f"synthetic_{polarity}.yaml").parse(Source)
    reader = source.reader
    assert isinstance(reader, SyntheticReader)
    written = write_documents(
        read_scenarios(reader, assets), reader.forms, reader.polarity, documents, reader.seed
    )
    return tuple(text for _, text in written)
