"""The lines of a study's journal: what each says, how it is linked, and how it is signed.

A line is canonical JSON. Its link is the SHA-256 of all of it, so that the next line vouches for
it, and a signed line for every line above. What is signed is the line without its signature, with
the study's name: a line of one study is none of another.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from alignment_dagster.foundation.digests import canonical_json, sha256_text
from alignment_dagster.foundation.errors import AlignmentError, ArtifactError
from alignment_dagster.foundation.json_objects import JsonFault, parse_object
from alignment_dagster.lineage.provenance import Key
from alignment_dagster.lineage.review_records import ReviewRecord
from alignment_dagster.lineage.signing import Signer, verify_bytes

START = "0" * 64
"""What the first line follows."""
PAYLOAD_TYPE = "application/vnd.alignment.journal-line+json"
ACKNOWLEDGED = "acknowledged"
"""That what is named is gone from Dagster, or is not the project's own, and a person knows it."""
STARTED = "started"
"""That the training policy asked for a run, which its budget counts."""
REVIEWED = "reviewed"
"""That a report was decided on; the line's `reviews` say how."""
REMARKS = (ACKNOWLEDGED, STARTED, REVIEWED)
HEAD = re.compile(r"(?:\S+ )?([0-9]{1,12}):([0-9a-f]{16,64})")
LATER = ("reviews", "signed_by", "signature")
"""Fields that are left out where they are empty, as in lines from before there were any."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What all lines have."""

    number: int
    time: str
    """In UTC; never before that of the line above, also where the clock was set back."""
    previous: str
    """Digest of the line before; zeros for the first."""
    reviews: tuple[ReviewRecord, ...] = ()
    """The last review of each report, where no line above names it."""
    signed_by: str = ""
    """Id of the key."""
    signature: str = ""

    @property
    def link(self) -> str:
        """Hex SHA-256 of this line."""
        return sha256_text(self.text)

    @property
    def head(self) -> str:
        """The journal up to here in one word, to be kept elsewhere: number and digest."""
        return f"{self.number}:{self.link}"

    @property
    def text(self) -> str:
        """As it is written, without its end."""
        return canonical_json(_content(self))

    def payload(self, study: str) -> bytes:
        """What is signed."""
        content = {**_content(self), "study": study}
        content.pop("signature", None)
        return canonical_json(content).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, kw_only=True)
class Entry(Line):
    """An artifact that became current."""

    asset: str
    partition: str | None
    version: str
    digest: str
    """Of its manifest."""
    record: str
    """Of its signed statement."""
    dagster_run_id: str
    """The run that reported it; another than the one that made it where it was reused."""
    reused: bool

    @property
    def key(self) -> Key:
        """Of the artifact."""
        return self.asset, self.partition, self.version

    @property
    def subject(self) -> str:
        """What it is about, for a message."""
        return f"{self.asset}, {self.version}"


@dataclass(frozen=True, kw_only=True)
class Remark(Line):
    """Something else that has its place in the order."""

    said: str
    """One of `REMARKS`."""
    about: tuple[str, ...]
    """Runs of Dagster, events of it, or a report."""
    note: str

    @property
    def subject(self) -> str:
        """What it is about, for a message."""
        return f"{self.said}, {len(self.about)} named"


@dataclass(frozen=True)
class Head:
    """A journal up to one of its lines, as somebody kept it elsewhere."""

    number: int
    digest: str
    """Hex SHA-256 of the line, or at least its first 16 digits."""

    @classmethod
    def parse(cls, text: str) -> "Head":
        """From `Line.head`, also where a study's name stands before it.

        Raises:
            AlignmentError: if it is none.
        """
        found = HEAD.fullmatch(text.strip())
        if found is None:
            raise AlignmentError(f"{text!r} is no head of a journal (NUMBER:DIGEST)")
        return cls(int(found[1]), found[2])


@dataclass(frozen=True)
class NewEntry:
    """What is to be written down; number, time, link and signature are the journal's."""

    asset: str
    partition: str | None
    version: str
    digest: str
    record: str
    dagster_run_id: str
    reused: bool


@dataclass(frozen=True)
class NewRemark:
    """What is to be written down; number, time, link and signature are the journal's."""

    said: str
    about: tuple[str, ...]
    note: str


def read_line(text: str) -> Entry | Remark:
    """A line as it is written, NOT verified.

    Raises:
        ValueError, TypeError, RecursionError: if it is none.
    """
    try:
        content = parse_object(text)
    except JsonFault as error:
        raise ValueError(str(error)) from None
    if "reviews" in content:
        content["reviews"] = tuple(ReviewRecord(**one) for one in content["reviews"])
        for one in content["reviews"]:
            if [type(value) for value in vars(one).values()] != [str, int, str]:
                raise ValueError("it names a review wrongly")
    kind = Entry if "said" not in content else Remark
    if kind is Remark:
        content["about"] = tuple(content["about"])
    line = kind(**content)
    for one in fields(line):
        value = getattr(line, one.name)
        if type(value) not in _TYPES.get(one.name, (str,)):
            raise ValueError(f"its {one.name} is {value!r}")
    if not all(isinstance(name, str) for name in getattr(line, "about", ())):
        raise ValueError("it names something that is no text")
    return line


def sign(line: Entry | Remark, study: str, signer: Signer) -> Entry | Remark:
    """The line with the key's id and signature."""
    named = replace(line, signed_by=signer.key_id, signature="")
    return replace(named, signature=signer.sign_bytes(PAYLOAD_TYPE, named.payload(study)))


def verify_line(line: Line, study: str, trusted: Mapping[str, Ed25519PublicKey]) -> None:
    """That a trusted key signed the line.

    Args:
        trusted: key id → public key.

    Raises:
        ArtifactError: says how it is not signed.
    """
    if not line.signature:
        raise ArtifactError("is not signed")
    if line.signed_by not in trusted:
        raise ArtifactError(f"is signed by key {line.signed_by[:16]}, which is not a trusted one")
    if not verify_bytes(PAYLOAD_TYPE, line.payload(study), line.signature, trusted[line.signed_by]):
        raise ArtifactError(f"the signature of key {line.signed_by[:16]} does not hold")


_TYPES: Mapping[str, tuple[type, ...]] = {
    "number": (int,),
    "partition": (str, type(None)),
    "reused": (bool,),
    "reviews": (tuple,),
    "about": (tuple,),
}


def _content(line: Line) -> dict[str, Any]:
    return {name: value for name, value in asdict(line).items() if value or name not in LATER}
