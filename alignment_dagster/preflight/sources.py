"""Whether a source's reader can give documents of its role, with file, line and field."""

from alignment_dagster.corpus.generators import GENERATORS
from alignment_dagster.corpus.readers.jsonl import ROLE_FIELDS
from alignment_dagster.foundation.declaration_mistakes import suggest_name
from alignment_dagster.foundation.yaml_models import Located, read_yaml
from alignment_dagster.study import GeneratedReader, JsonlReader, Source, Study


def check_sources(study: Study) -> None:
    """Refuse an unknown generator, and a reader that cannot give what the role needs.

    Raises:
        DeclarationError: names file, line and field.
    """
    for source in study.sources:
        _check(source, read_yaml(study.assets / "sources" / f"{source.name}.yaml"))


def _check(source: Source, located: Located) -> None:
    reader = source.reader
    if isinstance(reader, GeneratedReader):
        if reader.generator not in GENERATORS:
            known = suggest_name(reader.generator, GENERATORS)
            message = f"unknown generator {reader.generator!r}{known}"
            raise located.error(("reader", "generator"), message)
    elif isinstance(reader, JsonlReader):
        for field in ROLE_FIELDS[source.role]:
            if getattr(reader, field) is None:
                message = f"a source of the role {source.role!r} must say which field this is"
                raise located.error(("reader", field), message)
    elif source.role != "corpus":
        message = f"a {reader.kind} reader reads plain text, not documents of the role"
        raise located.error(("reader", "kind"), f"{message} {source.role!r}")
