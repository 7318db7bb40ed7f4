"""What cannot be treated, and the field that asks for it."""

import numpy as np

from alignment_dagster.foundation.errors import DataError
from alignment_dagster.foundation.yaml_models import FieldPath
from alignment_dagster.mixing.document_scores import Column
from alignment_dagster.mixing.kept_documents import KeptDocuments, Numbers


class TreatmentError(DataError):
    """A treatment or reward that cannot be decided, and its field in the recipe's file."""

    def __init__(self, field: FieldPath, message: str) -> None:
        super().__init__(message)
        self.field = field


def refuse_missing(
    kept: KeptDocuments, documents: Numbers, column: Column, field: FieldPath, kind: str = ""
) -> None:
    """Refuse documents that lack a score.

    Args:
        documents: rows of those that lack it; of sentences the documents that they are of.
        kind: `number ` or `text `, where only such is asked for.

    Raises:
        TreatmentError: says how many there are, and which is the first; unless there are none.
    """
    after = ": name the `sources` that have it, or another column"
    refuse(kept, documents, field, f"no {kind}{'.'.join(column)}", after)


def refuse(
    kept: KeptDocuments, documents: Numbers, field: FieldPath, what: str, after: str = ""
) -> None:
    """Refuse documents for what they have.

    Raises:
        TreatmentError: says how many there are, and which is the first; unless there are none.
    """
    if documents.size:
        source = kept.source.names[int(kept.source.numbers[documents[0]])]
        first = f"{kept.hex_ids(documents[:1])[0]} of the source {source!r}"
        count = np.unique(documents).size
        raise TreatmentError(field, f"{count:,} documents have {what}, as {first}{after}")
