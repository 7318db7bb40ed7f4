"""Whether a source's reader can give documents of its role, with file, line and field."""

from alignment_dagster.corpus.contents import missing_field
from alignment_dagster.corpus.generators import GENERATORS
from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.yaml_models import read_yaml
from alignment_dagster.preflight.synthesis import find_synthetic_fault
from alignment_dagster.study import FieldMap, GeneratedReader, Source, Study
from alignment_dagster.study.synthesis import SyntheticReader


def check_sources(study: Study) -> None:
    """Refuse an unknown generator, and a reader that cannot give what the role needs.

    Raises:
        DeclarationError: names file, line and field.
    """
    for source in study.sources:
        fault = _find_fault(study, source)
        if fault is not None:
            field, message = fault
            located = read_yaml(study.assets / "sources" / f"{source.name}.yaml")
            raise located.error(("reader", field), message)


def _find_fault(study: Study, source: Source) -> tuple[str, str] | None:
    """A field of the reader, and what is wrong with it."""
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        if reader.generator not in GENERATORS:
            known = suggest_name(reader.generator, GENERATORS)
            return "generator", f"unknown generator {reader.generator!r}{known}"
    elif isinstance(reader, SyntheticReader):
        return find_synthetic_fault(study, source, reader)
    elif isinstance(reader, FieldMap):
        field = missing_field(reader, source.role)
        if field is not None:
            return field, f"a source of the role {source.role!r} must say which field this is"
    elif source.role != "corpus":
        message = f"a {reader.kind} reader reads plain text, not documents of the role"
        return "kind", f"{message} {source.role!r}"
    return None
