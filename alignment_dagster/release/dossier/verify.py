"""Checks a dossier: one zip with a report and everything that its numbers were made from.

    python verify.py FILE [--key PUB.pem]            check the bundle
    python verify.py FILE --prove ID                 print a proof about one document
    python verify.py --proof PROOF.json [--key PUB]  check such a proof, without the bundle

FILE is the zip, or the folder that it was unpacked into.

It needs Python 3.9 or newer and the package `cryptography`, and nothing else. It writes no file,
unpacks nothing to the disk, and evaluates nothing that the bundle holds. Exit code: 0 where all
holds, 1 where something does not (each is named), 2 where the file is no bundle, the key is
another one, or the command is not understood.

Sources: DSSE v1.0.2 (secure-systems-lab/dsse), in-toto Statement v1, Merkle trees and their
proofs as in RFC 6962 and RFC 9162 section 2.1.3.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import math
import os
import re
import stat
import struct
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from statistics import fmean
from typing import IO, Any, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

INDEX, SIGNED = "index.json", "index.statement.json"
BASE = "base checkpoint"
MIX, TRUNK, DOCUMENTS = "curated_mix", "trunk_checkpoint", "ledgers/documents.jsonl.gz"
PROMPTS, WRITTEN = "ledgers/prompts.jsonl.gz", "ledgers/written.jsonl.gz"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
JOURNAL_LINE = "application/vnd.alignment.journal-line+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:alignment:dossier:1"
PROOF_TYPE = "urn:alignment:document-proof:1"
LEAF = ("document_id", "recipes", "seen", "source")
"""What a leaf of the tree commits to."""
TOLERANCE = 1e-9
ATTACKED = "attack_success"
RATIO, SLACK, WHOLE, LINE = 200, 1 << 20, 1 << 27, 1 << 26
"""A member may unpack to RATIO times its size plus SLACK bytes; a file that is read whole may have
WHOLE bytes, and a line LINE."""
ENVELOPE, KEY = 1 << 18, 1 << 12
"""Bytes of what is read before any signature was checked."""
MEMORY, VALUE, DIGITS = 1 << 27, 64, 30
"""Bytes that the values of one JSON text may take; of one of them, at least; digits of a number."""
UNLIKE = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What is raised by content that is not of the form that it should have."""

STORED, DEFLATED = 0, 8

Json = dict[Any, Any]
"""A JSON object, or a table made of such."""
Slice = tuple[str, str, str, str, str]
"""Recipe, stage, suite, prompt, metric."""


class NoBundleError(Exception):
    """The file is no bundle, or not signed by the key that was given."""


class BrokenError(Exception):
    """Something does not hold; the message names it."""


class Said:
    """What was found, line by line."""

    def __init__(self) -> None:
        self.broken = 0

    def holds(self, text: str) -> None:
        print(f"holds  {plain(text)}")

    def fails(self, text: str) -> None:
        self.broken += 1
        print(f"FAILS  {plain(text)}")

    def notes(self, text: str) -> None:
        print(f"NOTE   {plain(text)}")

    def told(self, problems: list[str], text: str) -> None:
        """The problems, at most ten, or that it holds."""
        for problem in problems[:10]:
            self.fails(problem)
        if len(problems) > 10:
            self.fails(f"… and {len(problems) - 10} more of this kind")
        if not problems:
            self.holds(text)

    def guard(self, what: str, check: Callable[..., Any], *arguments: Any) -> Any:
        """The check's result; None where it fails as a whole, whatever foreign content raised."""
        try:
            return check(self, *arguments)
        except NoBundleError:
            raise
        except BrokenError as error:
            self.fails(f"{what}: {error}")
        except Exception as error:
            self.fails(f"{what}: is not of the form that it should have ({error!r})")
        return None


def plain(text: str) -> str:
    """Foreign text made harmless: nothing in it moves, hides or reorders what is shown."""
    return "".join(one if one.isprintable() else f"[U+{ord(one):04X}]" for one in text[:1000])


# ---------------------------------------------------------------- digests, signatures, the tree


def sha256(content: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(content).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def text_digest(*parts: str) -> str:
    """Hex SHA-256 of the parts, each followed by a NUL: of source and content, a document's id."""
    return sha256(b"".join(part.encode("utf-8", "surrogatepass") + b"\0" for part in parts))


def read_key(pem: bytes) -> tuple[str, Ed25519PublicKey]:
    """A public key with its id, the hex SHA-256 of its 32 bytes."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BrokenError(f"holds no public key ({error})") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BrokenError("is not an ed25519 key")
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)), key


def parsed(content: bytes) -> Any:
    """JSON that says nothing twice: of two values other readers may take the other one.

    A few bytes can stand for a value, and a value takes much memory: they are counted before.
    """
    if len(content) + VALUE * sum(map(content.count, (b",", b"[", b"{"))) > MEMORY:
        raise BrokenError("is too large to be what it should")
    text = content.decode("utf-8", "surrogatepass")
    return json.loads(text, object_pairs_hook=_fields, parse_int=_integer)


def _integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number of over {DIGITS} digits")
    return int(digits)


def _fields(pairs: list[tuple[str, Any]]) -> Json:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        (name, _), *_ = (Counter(name for name, _ in pairs)).most_common(1)
        raise ValueError(f"{name[:60]}: this field is given twice")
    return fields


def opened(envelope: Json, keys: dict[str, Ed25519PublicKey]) -> tuple[Json, str]:
    """The statement in a DSSE envelope, and the id of the key whose signature holds.

    There is one signature: of several, those that nobody could check would be read as checked.
    """
    signatures = envelope["signatures"]
    if set(envelope) != {"payload", "payloadType", "signatures"} or [
        set(one) for one in signatures
    ] != [{"keyid", "sig"}]:
        raise BrokenError("is no envelope with exactly one signature")
    payload = base64.b64decode(envelope["payload"], validate=True)
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise BrokenError("its signature is over something else than an in-toto statement")
    key = signatures[0]["keyid"]
    if key not in keys:
        raise BrokenError("is not signed by a key that counts here")
    signed = signing_input(envelope["payloadType"], payload)
    try:
        keys[key].verify(base64.b64decode(signatures[0]["sig"], validate=True), signed)
    except InvalidSignature:
        raise BrokenError("its signature does not hold: it was altered") from None
    statement = parsed(payload)
    if statement["_type"] != STATEMENT_TYPE:
        raise BrokenError("is no in-toto statement")
    return statement, key


def signing_input(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def leaf_hash(row: Json) -> bytes:
    """RFC 6962: SHA-256(0x00 ‖ leaf), the leaf being canonical JSON."""
    return hashlib.sha256(b"\0" + canonical({name: row[name] for name in LEAF})).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\1" + left + right).digest()


def raised(level: list[bytes]) -> list[bytes]:
    """The level above; an odd last node moves up as it is."""
    pairs = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return pairs + level[len(level) - len(level) % 2 :]


def tree_root(leaves: list[bytes]) -> str:
    """The Merkle tree hash of leaf hashes, hex."""
    level = leaves or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        level = raised(level)
    return level[0].hex()


def tree_path(leaves: list[bytes], index: int) -> list[str]:
    """The hashes beside the way from a leaf to the root, from below."""
    level, path = leaves, []
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1].hex())
        level, index = raised(level), index >> 1
    return path


def path_root(leaf: bytes, index: int, size: int, path: list[str]) -> str:
    """The root that a leaf and its path lead to (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise BrokenError("the proof's index lies outside of the tree")
    last, found = size - 1, leaf
    for beside in map(bytes.fromhex, path):
        if last == 0:
            raise BrokenError("the proof's path is too long")
        if index & 1 or index == last:
            found = node_hash(beside, found)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            found = node_hash(found, beside)
        index, last = index >> 1, last >> 1
    if last:
        raise BrokenError("the proof's path is too short")
    return found.hex()


# ---------------------------------------------------------------- the zip, or its folder


def regular(path: str) -> IO[bytes]:
    """A file, opened; a pipe or a device would be waited for, or never end."""
    # Looked at as it is open: by its name it may be another one a moment later.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NoBundleError(f"{path}: is not a file")
    return os.fdopen(handle, "rb")


LOCAL, ENTRY = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L")
END, WIDE_END, LOCATOR = map(struct.Struct, ("<4s4H2LH", "<4sQ2H2L4Q", "<4sLQL"))
"""APPNOTE.TXT 6.3.10 (PKWARE), 4.3.7, 4.3.12, 4.3.16, 4.3.14 and 4.3.15."""
FULL, WIDE, UTF_8 = 0xFFFFFFFF, (1 << 31) - 1, 1 << 11
"""What stands in a field whose value lies elsewhere, from which value on, and a flag."""


class Member(NamedTuple):
    """Where the bytes of a zip's member lie, and what they unpack to."""

    start: int
    packed: int
    size: int
    crc: int
    method: int


def zip_members(path: str, file: IO[bytes]) -> dict[str, Member]:
    """The members of a zip: one behind the other from its first byte, then its list, nothing else.

    Readers differ: some follow the list at the end, others take what comes first. So the list names
    the same as the members do, in their order, and there is no byte that it does not account for.
    """
    found: dict[str, Member] = {}
    listed = []
    while (head := file.read(LOCAL.size))[:4] == b"PK\3\4":
        at, told = file.tell() - len(head), LOCAL.unpack(_whole(path, head, LOCAL.size))
        named, extra = told[-2:]
        name, more = _taken(path, file, named), _taken(path, file, extra)
        size, packed = _widened(path, more, told[8], told[7])
        if told[2] & ~UTF_8:
            raise NoBundleError(f"{path}: says of a member more than its name and size: refused")
        text = _decoded(path, name, told[2])
        if text in found:
            raise NoBundleError(f"{path}: holds several files of one name: refused")
        found[text] = Member(file.tell(), packed, size, told[6], told[3])
        listed.append((name, *told[2:7], size, packed, at))
        file.seek(packed, os.SEEK_CUR)
    if not found:
        raise NoBundleError(f"{path}: is not a bundle (it does not begin as a zip)")
    place = file.tell() - len(head)
    file.seek(place)
    for one in listed:
        told = ENTRY.unpack(_taken(path, file, ENTRY.size))
        name, more = _taken(path, file, told[10]), _taken(path, file, told[11])
        size, packed, at = _widened(path, more, told[9], told[8], told[16])
        plain_file = stat.S_IFMT(told[15] >> 16) in (0, stat.S_IFREG) and not told[15] & 0xFFFF
        if told[0] != b"PK\1\2" or (name, *told[3:8], size, packed, at) != one:
            raise NoBundleError(f"{path}: its list is not that of the members before it: refused")
        if not plain_file or any(told[12:15]):
            raise NoBundleError(f"{path}: {name[:80]!r} is a link, or no file: refused")
    end = _end(len(listed), place, file.tell())
    if _taken(path, file, len(end)) != end or file.read(1):
        raise NoBundleError(f"{path}: holds bytes behind its list: refused")
    return found


def _end(count: int, place: int, end: int) -> bytes:
    """What stands behind the list of so many members, which lies between these bytes."""
    few, size = min(count, 0xFFFF), end - place
    told = END.pack(b"PK\5\6", 0, 0, few, few, min(size, FULL), min(place, FULL), 0)
    if count <= 0xFFFF and max(place, size) <= WIDE:
        return told
    wide = WIDE_END.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, place)
    return wide + LOCATOR.pack(b"PK\6\7", 0, end, 1) + told


def _taken(path: str, file: IO[bytes], count: int) -> bytes:
    return _whole(path, file.read(count), count)


def _whole(path: str, content: bytes, count: int) -> bytes:
    if len(content) < count:
        raise NoBundleError(
            f"{path}: begins as a bundle and lacks its end: it was truncated or damaged"
        )
    return content


def _widened(path: str, extra: bytes, *values: int) -> list[int]:
    """The values; those that are too large for their field stand in `extra`, and nothing else."""
    wide = [place for place, value in enumerate(values) if value == FULL]
    size = 8 * len(wide)
    if extra[:4] != struct.pack("<HH", 1, size)[: 4 * bool(wide)] or len(extra[4:]) != size:
        raise NoBundleError(f"{path}: says of a member more than its name and size: refused")
    found = iter(struct.unpack(f"<{len(wide)}Q", extra[4:]))
    return [next(found) if value == FULL else value for value in values]


def _decoded(path: str, name: bytes, flags: int) -> str:
    try:
        return name.decode("utf-8" if flags & UTF_8 else "ascii")
    except UnicodeDecodeError:
        raise NoBundleError(
            f"{path}: holds a file with a dangerous name ({name[:80]!r}): refused"
        ) from None


def inflated(pieces: Iterator[bytes], wbits: int) -> Iterator[bytes]:
    """What a compressed stream unpacks to; nothing lies behind its end."""
    stream = zlib.decompressobj(wbits)
    for piece in pieces:
        text = b""
        while not stream.eof and (piece or len(text) == SLACK):
            text = stream.decompress(piece, SLACK)
            piece = stream.unconsumed_tail
            yield text
        if stream.unused_data or piece:
            raise zlib.error("there are bytes behind its end")
    if not stream.eof:
        raise zlib.error("it is cut")


class Bundle:
    """The members of the zip, or of the folder it was unpacked into, read in bounded pieces."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.file: IO[bytes] | None = None
        self.members: dict[str, Member] = {}
        self.sizes = _folder_sizes(path) if os.path.isdir(path) else self._zip_sizes(path)
        if INDEX not in self.sizes or SIGNED not in self.sizes:
            raise NoBundleError(f"{path}: is no bundle (it has no {INDEX} or {SIGNED})")
        for name in self.sizes:
            _refuse_name(name)

    def _zip_sizes(self, path: str) -> dict[str, int]:
        try:
            self.file = regular(path)
            size = os.fstat(self.file.fileno()).st_size
            self.members = zip_members(path, self.file)
        except OSError as error:
            raise NoBundleError(f"{path}: cannot be read ({error.strerror})") from None
        sizes = {name: one.size for name, one in self.members.items()}
        if sum(sizes.values()) > RATIO * size + SLACK:
            raise NoBundleError(f"{path}: would unpack to far more than its size: refused")
        return sizes

    @property
    def described(self) -> str:
        """What it is, for a person."""
        what = "folder" if self.file is None else "zip"
        return f"{os.path.basename(self.path)} is a whole {what} of {len(self.sizes)} files"

    def pieces(self, name: str) -> Iterator[bytes]:
        """A member's bytes, never more than it is said to hold."""
        if name not in self.sizes:
            raise BrokenError(f"{name} is missing")
        one = self.members.get(name)
        try:
            if one is None:
                with regular(os.path.join(self.path, *name.split("/"))) as file:
                    while piece := file.read(SLACK):
                        yield piece
            elif one.method in (STORED, DEFLATED):
                yield from self._unpacked(one)
            else:
                raise BrokenError(f"{name} is packed by another method than stored or deflate")
        except (zlib.error, OSError) as error:
            raise BrokenError(f"{name} is damaged ({error})") from None

    def _unpacked(self, one: Member) -> Iterator[bytes]:
        packed = self._stretch(one.start, one.packed)
        size = crc = 0
        for piece in inflated(packed, -zlib.MAX_WBITS) if one.method == DEFLATED else packed:
            size, crc = size + len(piece), zlib.crc32(piece, crc)
            if size > one.size:
                raise zlib.error("it is longer than it is said to be")
            yield piece
        if (size, crc) != (one.size, one.crc):
            raise zlib.error("its CRC-32 is another one")

    def _stretch(self, start: int, count: int) -> Iterator[bytes]:
        """So many bytes of the zip; members are read side by side."""
        while count and self.file:
            self.file.seek(start)
            piece = self.file.read(min(count, SLACK))
            if not piece:
                raise zlib.error("it is cut")
            yield piece
            start, count = start + len(piece), count - len(piece)

    def read(self, name: str, most: int = WHOLE) -> bytes:
        """A member of at most so many bytes."""
        if self.sizes.get(name, 0) > most:
            raise BrokenError(f"{name} is too large to be what it should")
        return b"".join(self.pieces(name))

    def json(self, name: str, most: int = WHOLE) -> Any:
        """The JSON of a member of at most so many bytes."""
        content = self.read(name, most)
        try:
            return parsed(content)
        except BrokenError as error:
            raise BrokenError(f"{name} {error}") from None
        except (ValueError, RecursionError) as error:
            raise BrokenError(f"{name} is not JSON ({error})") from None

    def rows(self, name: str) -> Iterator[Json]:
        """A ledger's rows."""
        room, rest = RATIO * self.sizes.get(name, 0) + SLACK, b""
        try:
            for text in inflated(self.pieces(name), 16 + zlib.MAX_WBITS):
                room -= len(text)
                *lines, rest = (rest + text).split(b"\n")
                if room < 0 or len(rest) > LINE:
                    raise BrokenError(f"{name} unpacks to far more than its size")
                yield from map(parsed, lines)
        except zlib.error as error:
            raise BrokenError(f"{name} is damaged ({error})") from None
        if rest:
            raise BrokenError(f"{name} ends within a line")

    def under(self, folder: str, suffix: str) -> list[str]:
        """The members in a folder whose names end so."""
        return [one for one in self.sizes if one.startswith(folder) and one.endswith(suffix)]


def _folder_sizes(path: str) -> dict[str, int]:
    """The files of an unpacked bundle; a link may lead anywhere, so there is none."""
    sizes = {}
    for folder, inner, files in os.walk(path):
        for name in (*inner, *files):
            found = os.path.join(folder, name)
            relative = os.path.relpath(found, path).replace(os.sep, "/")
            if os.path.islink(found) or (name in files and not os.path.isfile(found)):
                raise NoBundleError(f"{path}: {relative[:80]!r} is a link, or no file: refused")
            if name in files:
                sizes[relative] = os.path.getsize(found)
    return sizes


def _refuse_name(name: str) -> None:
    if name.startswith("/") or not name.isprintable() or re.search(r"(^|/)\.\.?(/|$)|\\|:", name):
        raise NoBundleError(f"holds a file with a dangerous name ({name[:80]!r}): refused")


# ---------------------------------------------------------------- what is signed


def check_index(said: Said, bundle: Bundle, keys: dict[str, Ed25519PublicKey]) -> tuple[Json, str]:
    """Every file is what the signed index names; returns the signed statement, and the key."""
    statement, key = opened(bundle.json(SIGNED, ENVELOPE), keys)
    if statement["predicateType"] != PREDICATE_TYPE:
        raise BrokenError(f"{SIGNED} speaks of something else than a bundle")
    problems = []
    if subject(statement, INDEX) != sha256(bundle.read(INDEX)):
        problems.append(f"{INDEX} is not what was signed")
    index = bundle.json(INDEX)["files"]
    said.told(problems, f"{SIGNED} is signed by key {key}, and names this {INDEX}")
    named = {*index, INDEX, SIGNED}
    problems = [f"{name} is missing" for name in sorted(named - set(bundle.sizes))]
    problems += [f"{name} was added" for name in sorted(set(bundle.sizes) - named)]
    for name in sorted(set(bundle.sizes) & set(index)):
        digest = hashlib.sha256()
        try:
            for piece in bundle.pieces(name):
                digest.update(piece)
            if digest.hexdigest() != index[name]["sha256"]:
                problems.append(f"{name} was altered: its SHA-256 is not that of the {INDEX}")
        except BrokenError as error:
            problems.append(str(error))
    said.told(problems, f"all {len(index)} files are there, and have the SHA-256 of the {INDEX}")
    return statement, key


def subject(statement: Json, name: str) -> str:
    """The SHA-256 of what a statement is about."""
    found = [one["digest"]["sha256"] for one in statement["subject"] if one["name"] == name]
    if len(found) != 1:
        raise BrokenError(f"the statement does not name {name}")
    return str(found[0])


def label(one: Json) -> str:
    """`asset[partition]@version`."""
    at = f"[{one['partition']}]" if one["partition"] else ""
    return f"{one['asset']}{at}@{one['version']}"


def check_artifacts(said: Said, bundle: Bundle, keys: dict[str, Ed25519PublicKey]) -> Json:
    """Label → manifest and provenance of each artifact, as signed."""
    found: Json = {}
    signers: Counter[str] = Counter()
    problems = []
    for name in bundle.under("artifacts/", "/manifest.json"):
        folder = name.rpartition("/")[0]
        try:
            record, key = artifact(bundle, folder, keys)
            found[record["label"]] = record
            signers[key[:16]] += 1
        except Exception as error:
            problems.append(f"{folder.partition('/')[2]}: {error}")
    by = ", ".join(f"{count} by key {key}" for key, count in sorted(signers.items()))
    said.told(problems, f"{len(found)} artifacts are as they were signed when made ({by})")
    return found


def artifact(bundle: Bundle, folder: str, keys: dict[str, Ed25519PublicKey]) -> tuple[Json, str]:
    """Manifest, provenance and signed statement name each other, and the folder's version."""
    files = bundle.json(f"{folder}/manifest.json")["files"]
    recorded = bundle.read(f"{folder}/provenance.json")
    provenance = parsed(recorded)
    inputs = provenance["inputs"]
    digest, made_from = sha256(canonical(files)), inputs_digest(inputs)
    generation = provenance.get("generation", 1)
    again = [str(generation)] if generation > 1 else []
    version = text_digest(digest, made_from, *again)[:16]
    if folder.split("/")[1::2] != [inputs["asset"], version]:
        raise BrokenError("manifest or provenance are not those of this version")
    if (provenance["output_digest"], provenance["input_digest"]) != (digest, made_from):
        raise BrokenError("manifest and provenance disagree")
    envelope = bundle.json(f"{folder}/statement.json")
    statement, key = opened(envelope, keys)
    name = label({**inputs, "version": version})
    if subject(statement, f"{inputs['study']}/{name}") != digest:
        raise BrokenError("the manifest is not what was signed")
    beside = statement["predicate"]["runDetails"]["byproducts"]
    if {"name": "provenance.json", "digest": {"sha256": sha256(recorded)}} not in beside:
        raise BrokenError("provenance.json is not what was signed")
    record = sha256(base64.b64decode(envelope["payload"]))
    found = {"label": name, "digest": digest, "record": record, "files": files}
    return {**found, "provenance": provenance}, key


def inputs_digest(inputs: Json) -> str:
    """A parent counts by its content: its version is left out."""
    parents = [{k: v for k, v in one.items() if k != "version"} for one in inputs["parents"]]
    return sha256(canonical({**inputs, "parents": parents}))


def check_parents(said: Said, artifacts: Json, report: str) -> None:
    """Whatever an artifact was made from is here, with that digest, up to the raw corpora.

    A vocabulary may come with a checkpoint that was trained elsewhere, and is then no model's here.
    """
    problems, reached, waiting, roots = [], set(), [report], 0
    elsewhere = set()
    while waiting:
        name = waiting.pop()
        if name in reached or name not in artifacts:
            continue
        reached.add(name)
        parents = parents_of(artifacts, name)
        if name.startswith("corpus_drift["):
            parents = parents[:2]  # what it was compared with is no part of the report
        roots += name.startswith("raw_corpus[")
        base = artifacts[name]["provenance"]["inputs"]["external_inputs"].get(BASE)
        if base and name.startswith(("pretrained_checkpoint[", f"{TRUNK}[")):
            elsewhere.add(str(base))
        copied = base and name.startswith("tokenizer@")
        if not parents and not copied and not name.startswith("raw_corpus["):
            problems.append(f"{name} names nothing that it was made from")
        for parent in parents:
            one, part = artifacts.get(label(parent)), parent["part"]
            if one is None:
                problems.append(f"{label(parent)}, from which {name} was made, is not here")
            elif (one["files"].get(part) if part else one["digest"]) != parent["digest"]:
                problems.append(f"{label(parent)} is not what {name} was made from")
            waiting.append(label(parent))
    strangers = sorted(set(artifacts) - reached)
    problems += [f"{name} is not among what the report was made from" for name in strangers]
    said.told(problems, f"from the report every parent is there, down to {roots} raw corpora")
    for one in sorted(elsewhere):
        said.notes(f"training went on from a checkpoint {one}: what it read before is unknown")


def parents_of(artifacts: Json, name: str) -> list[Json]:
    """What an artifact says that it was made from."""
    found: list[Json] = artifacts[name]["provenance"]["inputs"]["parents"]
    return found


def check_report(said: Said, bundle: Bundle, statement: Json, artifacts: Json, report: str) -> None:
    """The report's files are those of its manifest."""
    problems = []
    if report not in artifacts:
        raise BrokenError(f"the report {report} is missing or does not hold")
    signed = subject(statement, f"{statement['predicate']['study']}/{report}")
    if signed != artifacts[report]["digest"]:
        problems.append(f"{report} is not the one that was signed")
    for name in ("report.html", "results.json", "findings.json"):
        if sha256(bundle.read(f"report/{name}")) != artifacts[report]["files"][name]:
            problems.append(f"report/{name} is not the one of the report's manifest: altered")
    said.told(problems, f"report.html, results.json and findings.json are those of {report}")
    said.told(list(failed_checks(artifacts)), "every check that blocks had passed")


def failed_checks(artifacts: Json) -> Iterator[str]:
    """Checks that failed when an artifact was made, though nothing was to be made from it then."""
    for name, one in artifacts.items():
        for check in one["provenance"]["checks"]:
            if check["blocking"] and not check["passed"]:
                yield f"{name}: its check {check['name']} had failed: {check['summary']}"


def check_journal(
    said: Said,
    bundle: Bundle,
    predicate: Json,
    artifacts: Json,
    keys: dict[str, Ed25519PublicKey],
) -> None:
    """Each line carries the digest of the one before, the last one is signed; since when the report
    is current, and which one followed it."""
    report, study = predicate["report"], predicate["study"]
    before, problems = "0" * 64, list[str]()
    last: Json = {"number": 0, "time": ""}
    current, newer = None, None
    for number, line in enumerate(bundle.read("journal.jsonl").splitlines(), 1):
        last = parsed(line)
        if (last["number"], last["previous"]) != (number, before):
            problems.append(f"journal.jsonl line {number}: one before it was changed or taken out")
        before = sha256(canonical(last) + b"\0")
        if last.get("asset") != report.partition("@")[0]:
            continue  # another asset, or a remark
        if label(last) == report and last["digest"] == artifacts[report]["digest"]:
            current, newer = last, None
        elif current:
            newer = newer or last
    if current is None:
        raise BrokenError(f"journal.jsonl: {report} never became current")
    signed = dict(last, study=study)
    try:
        given = base64.b64decode(signed.pop("signature", ""), validate=True)
        keys[last["signed_by"]].verify(given, signing_input(JOURNAL_LINE, canonical(signed)))
    except (InvalidSignature, KeyError, ValueError):
        problems.append("journal.jsonl: its last line is not signed by a key that is here")
    since = f"became current on {current['time']} (line {current['number']} of its journal)"
    end = f"an unbroken chain that is signed, and ends with {last['number']}:{before}"
    said.told(problems, f"study {study}, {report}: {since}, {end}")
    if newer:
        said.notes(f"superseded by {label(newer)} at line {newer['number']} ({newer['time']})")


# ---------------------------------------------------------------- documents and training


def check_training(said: Said, bundle: Bundle, artifacts: Json) -> Json:
    """Chains are well formed, sequences read once; returns tokens by checkpoint, documents seen."""
    steps, tokens, read = Counter[str](), Counter[str](), defaultdict[str, list[int]](list)
    first, trunks = dict[str, int](), defaultdict[str, list[Json]](list)
    seen: Json = defaultdict(Counter)
    chains, problems = set(), []
    for row in bundle.rows("ledgers/consumption.jsonl.gz"):
        at = f"{row['artifact']} {row['stage']}"
        steps[at] += 1
        chained = re.fullmatch("[0-9a-f]{64}", row["chain"]) and (at, row["chain"]) not in chains
        number = first.setdefault(at, row["step"]) + steps[at] - 1
        if not chained or row["step"] != number or row["tokens"] <= tokens[at]:
            problems.append(f"consumption of {at}, step {row['step']}: does not continue the chain")
        chains.add((at, row["chain"]))
        tokens[at] = row["tokens"]
        read[at] += row["sequences"] or ()
        for document in row["documents"] or ():
            seen[document][row["artifact"], row["stage"]] += 1
        if row["stage"] == "trunk":
            trunks[row["artifact"]].append(row)
    pretrained = {
        at.partition(" ")[0]: at for at in read if at.startswith("pretrained_checkpoint[")
    }
    before = {name: steps_before(artifacts, name, trunks) for name in pretrained}
    for name, at in pretrained.items():
        declared, rows = before[name]
        own = [one for row in rows if declared["same_mix"] for one in row["sequences"]] + read[at]
        if sorted(own) != list(range(len(own))):
            problems.append(f"consumption of {at}: not every sequence was read exactly once")
        if first[at] != declared["steps"] + 1 or len(rows) != declared["steps"]:
            problems.append(f"consumption of {at}: does not go on after step {declared['steps']}")
    problems += [
        f"consumption of {at} trunk: a sequence was read twice"
        for at, rows in trunks.items()
        if len(found := [one for row in rows for one in row["sequences"]]) != len(set(found))
    ]
    begun = [at for at, number in first.items() if number != 1 and at not in pretrained.values()]
    problems += [f"consumption of {at}: does not begin with step 1" for at in begun]
    problems += [
        f"{name} has no consumption ledger"
        for name in artifacts
        if "_checkpoint[" in name and not any(at.startswith(f"{name} ") for at in steps)
    ]
    said.told(
        problems,
        f"{len(steps)} consumption ledgers: {sum(steps.values())} steps in order, "
        f"each sequence read exactly once by each of {len(pretrained)} checkpoints",
    )
    other = {
        name: 0 if declared["same_mix"] or not rows else rows[-1]["tokens"]
        for name, (declared, rows) in before.items()
    }
    own_tokens = {name: tokens[at] - other[name] for name, at in pretrained.items()}
    return {"tokens": own_tokens, "seen": seen}


def steps_before(
    artifacts: Json, name: str, trunks: Mapping[str, list[Json]]
) -> tuple[Json, list[Json]]:
    """What a checkpoint declares of its trunk, and the trunk's steps that it goes on from."""
    declared = artifacts[name]["provenance"]["declared"].get("trunk")
    if declared is None:
        return {"steps": 0, "same_mix": True}, []
    found = [label(one) for one in parents_of(artifacts, name) if one["asset"] == TRUNK]
    return declared, [row for one in found for row in trunks[one]][: declared["steps"]]


def check_documents(
    said: Said, bundle: Bundle, statement: Json, artifacts: Json, training: Json | None
) -> None:
    """The tree's root is the signed one; what was seen of each adds up to what was read."""
    leaves, mixes, last, problems = [], Counter[str](), "", []
    seen = training["seen"] if training else None
    measured = {row["document_id"] for row in bundle.rows("ledgers/losses.jsonl.gz")}
    for row in bundle.rows(DOCUMENTS):
        if row["document_id"] <= last:
            problems.append(f"document {row['document_id']}: is not in the order of ids")
        last = row["document_id"]
        leaves.append(leaf_hash(row))
        measured.discard(last)
        problems += used(row, mixes, None if seen is None else seen.pop(last, {}))
    problems += [f"document {one}: was trained on, but is not listed" for one in seen or ()]
    problems += [f"document {one}: was measured, but is not listed" for one in sorted(measured)]
    count = statement["predicate"]["documents"]["count"]
    if (tree_root(leaves), len(leaves)) != (subject(statement, "documents"), count):
        problems.append("the Merkle root over the documents is not the one that was signed")
    said.told(problems, f"{len(leaves)} documents give the Merkle root that was signed")
    problems = []
    for name, tokens in training["tokens"].items() if training else ():
        mix = next(label(one) for one in parents_of(artifacts, name) if one["asset"] == MIX)
        if mixes[mix] != tokens:
            problems.append(f"{name} read {tokens} tokens; documents of {mix} have {mixes[mix]}")
    said.told(problems, "the documents' tokens add up to what was read of each mix")


def used(row: Json, mixes: Counter[str], read: Json | None) -> Iterator[str]:
    """Counts a document's tokens by mix; where it was used otherwise than its disposition says."""
    name = row["document_id"]
    for use in row["recipes"]:
        mixes[f"{MIX}[{use['recipe']}]@{use['mix']}"] += use["packed_tokens"] or 0
        if use["packed_tokens"] and use["state"] != "kept":
            yield f"document {name}: is in the mix of {use['recipe']}, but was {use['state']}"
    stages = row["seen"].items()
    times = {(one, stage): count for one, counts in stages for stage, count in counts.items()}
    if read is not None and times != read:
        yield f"document {name}: was not seen as often as the trainer recorded"


def check_texts(said: Said, bundle: Bundle, predicate: Json) -> None:
    """Ids are the digests of source and content."""
    redacted, count, problems = set(predicate["redacted"]), 0, []
    wanted = (row for row in bundle.rows(DOCUMENTS) if row["source"] not in redacted)
    for row, one in zip_longest(bundle.rows("ledgers/texts.jsonl.gz"), wanted):
        if row is None or one is None or row["document_id"] != one["document_id"]:
            raise BrokenError("texts and documents are not the same ones")
        content = row["text"] if row["payload"] is None else row["payload"]
        if text_digest(one["source"], content) != one["document_id"]:
            problems.append(f"document {one['document_id']}: its text is another one")
        count += 1
    but = f" ({len(redacted)} sources are redacted)" if redacted else ""
    said.told(problems, f"{count} texts have exactly the ids that are listed{but}")


def check_prompts(said: Said, bundle: Bundle, artifacts: Json, predicate: Json) -> None:
    """Prompts are what their digests say; each written document names one, and is listed.

    The text of a prompt that holds a document is there only where that document's text is.
    """
    sources = {
        name: one["provenance"]["declared"]["reader"].get("rewrites")
        for name, one in artifacts.items()
        if any(file.startswith("prompts/") for file in one["files"])
    }
    if not sources:
        said.holds("no document was written for the study")
        return
    known: Json = {name: set() for name in sources}
    problems, digests = [], 0
    for row in bundle.rows(PROMPTS):
        prompt, quoted = row["prompt"], sources[row["artifact"]]
        left_out = quoted and not (predicate["texts"] and quoted not in predicate["redacted"])
        known[row["artifact"]].add(prompt)
        digests += row["text"] is None
        if row["text"] is None and not left_out:
            problems.append(f"prompt {prompt}: its text is not here")
        elif row["text"] is not None and prompt != asked_digest(row["system"], row["text"]):
            problems.append(f"prompt {prompt}: its text is another one")
    count = sum(map(len, known.values()))
    but = f", but for {digests} that hold documents and are here by digest alone" if digests else ""
    said.told(problems, f"{count} prompts have the texts that their digests are of{but}")
    told, listed, problems = Counter[str](), dict[str, str](), []
    for row in bundle.rows(WRITTEN):
        told[row["artifact"]] += 1
        listed[row["document_id"]] = row["source"]
        if row["original"] is not None:
            listed[row["original"]] = sources[row["artifact"]]
        if row["prompt"] not in known[row["artifact"]]:
            problems.append(f"document {row['document_id']}: its prompt is not here")
    written = sum(told.values())
    problems += [f"{name}: nothing says what wrote it" for name in sources if not told[name]]
    for row in bundle.rows(DOCUMENTS):
        source = listed.pop(row["document_id"], row["source"])
        if source != row["source"]:
            problems.append(f"document {row['document_id']}: is of another source than {source}")
    problems += [f"document {one}: was written, or rewritten, and is not listed" for one in listed]
    said.told(problems, f"{written} documents were written from prompts that are here")


def asked_digest(system: str, text: str) -> str:
    """Hex SHA-256 of a prompt, word for word."""
    return text_digest("prompt", canonical([system, text]).decode("utf-8", "surrogatepass"))


# ---------------------------------------------------------------- numbers


def answers(bundle: Bundle, metrics: dict[str, str], made: Json) -> Json:
    """Share of hits (1/k where k tie): mean over answers, formats, scenarios; for each seed."""
    cells: Json = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: [0, 0])))
    for row in bundle.rows("ledgers/items.jsonl.gz"):
        metric = metrics.get(row["suite"])
        if metric is not None:
            at = (row["recipe"], row["stage"], row["suite"], row["system_prompt"], metric)
            cell = cells[at, row["seed"]][row["scenario_id"]][row["format"]]
            cell[0] += row["hit"]
            cell[1] += 1
            made[at][row["seed"]].add(row["artifact"])
    return {
        at: (fmean(fmean(hits / n for hits, n in forms.values()) for forms in units.values()),
             len(units))
        for at, units in cells.items()
    }  # fmt: skip


def attacked(bundle: Bundle, made: Json) -> Json:
    """Share of successes: over items, then over scenarios; the worst case item by item."""
    items: Json = defaultdict(lambda: defaultdict(list))
    for row in bundle.rows("ledgers/attack_items.jsonl.gz"):
        for attack in (row["attack"], "worst_case"):
            at = (row["recipe"], row["stage"], row["suite"], attack, ATTACKED)
            unit = (row["scenario_id"], row["item_id"])
            items[at, row["seed"]][unit].append(row["hit"])
            made[at][row["seed"]].add(row["artifact"])
    found = {}
    for at, units in items.items():
        scenarios: Json = defaultdict(list)
        for (scenario, _), hits in units.items():
            scenarios[scenario] += [max(hits)] if at[0][3] == "worst_case" else hits
        found[at] = (fmean(fmean(hits) for hits in scenarios.values()), len(scenarios))
    return found


def held_out(bundle: Bundle, made: Json) -> Json:
    """Bits per byte: Σ nats / (ln 2 · Σ bytes)."""
    documents: Json = defaultdict(dict)
    for row in bundle.rows("ledgers/losses.jsonl.gz"):
        for suite in ("held_out", f"held_out/{row['source']}"):
            if row["bytes"] > 0:
                at = (row["recipe"], row["stage"], suite, "none", "bits_per_byte")
                documents[at, row["seed"]][row["document_id"]] = (row["nll"], row["bytes"])
                made[at][row["seed"]].add(row["artifact"])
    return {
        at: (math.fsum(nll for nll, _ in found.values()) / math.log(2)
             / sum(size for _, size in found.values()), len(found))
        for at, found in documents.items()
    }  # fmt: skip


def check_numbers(said: Said, bundle: Bundle, artifacts: Json, report: str) -> None:
    """Every value of results.json, and of the warehouse's table, computed again."""
    mart = next(label(one) for one in parents_of(artifacts, report) if one["asset"] == "metrics")
    suites = artifacts[mart]["provenance"]["declared"]["suites"]
    made: Json = defaultdict(lambda: defaultdict(set))
    metrics = {one["suite"]: one["metric"] for one in suites}
    found = {**answers(bundle, metrics, made), **attacked(bundle, made), **held_out(bundle, made)}
    again = {(at, seed): (value, n, 1) for (at, seed), (value, n) in found.items()}
    pooled: dict[Slice, list[tuple[float, int]]] = defaultdict(list)
    for (at, _), one in found.items():
        pooled[at].append(one)
    for at, seeds in pooled.items():
        again[at, None] = (fmean(value for value, _ in seeds), seeds[0][1], len(seeds))
    told = bundle.json("report/results.json")
    problems = unlike("results.json", told, again, "prompt")
    problems += [problem for row in told for problem in strays(row, made, artifacts)]
    said.told(problems, f"all {len(told)} numbers of results.json follow from the single answers")
    rows = list(bundle.rows("ledgers/metrics.jsonl.gz"))
    problems = unlike("ledgers/metrics.jsonl.gz", rows, again, "system_prompt")
    said.told(problems, f"the {len(rows)} numbers that the warehouse computed in SQL are the same")


CLAIMED = ("statement", "recipe", "relation", "than", "by_at_least", "within", "suite", "stage",
           "prompt", "attack")  # fmt: skip
"""What was declared of a claim, and stands in its row."""


def check_claims(said: Said, bundle: Bundle, artifacts: Json, report: str) -> None:
    """Effects, verdicts and corrected p values of claims, by the numbers of results.json."""
    declared = artifacts[report]["provenance"]["declared"]
    told = bundle.json("report/findings.json")["claims"]
    last = {one["name"]: f"{one['name']}@{one['steps']}" for one in declared["tampering"]}
    pooled = {
        (row["recipe"], row["stage"], row["suite"], row["prompt"], row["metric"] == ATTACKED): row
        for row in bundle.json("report/results.json")
        if row["seed"] is None
    }
    claims = {one["name"]: one for one in declared["claims"]}
    if [row["name"] for row in told] != list(claims):
        raise BrokenError("the claims are not those that were declared")
    corrected = iter(holm([row["p_value"] for row in told if not row["reason"]]))
    problems = []
    for row in told:
        claim = claims[row["name"]]
        attack, stage = claim["attack"], last.get(claim["stage"], claim["stage"])
        at = (stage, claim["suite"], attack or claim["prompt"], attack is not None)
        pair = [pooled.get((claim[side], *at)) for side in ("recipe", "than")]
        p_holm = None if row["reason"] else next(corrected)
        found = misjudged(row, claim, pair, p_holm)
        problems += [f"findings.json: claim {row['name']}: {problem}" for problem in found]
    said.told(problems, f"{len(told)} claims: effects and verdicts follow from these numbers")


def misjudged(row: Json, claim: Json, pair: list[Json | None], p_holm: Any) -> Iterator[str]:
    """Where a claim's row is not what was declared, or not what its numbers give."""
    for name in CLAIMED:
        if row[name] != claim[name]:
            yield f"its {name} is not what was declared"
    first, second = pair
    if bool(row["reason"]) == bool(first and second):
        yield "is said to be tested, and was not measured, or the other way round"
    if row["reason"] or not first or not second:
        return
    value = first["value"] - second["value"]
    if claim["relation"] in ("lower", "not_higher"):
        value = -value
    if not math.isclose(value, row["value"], rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        yield f"says {row['value']!r}; the numbers give {value!r}"
    if not row["ci_low"] <= row["value"] <= row["ci_high"]:
        yield "its interval does not hold its effect"
    if not math.isclose(p_holm, row["p_holm"], rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        yield f"its corrected p is {row['p_holm']!r}; the p values give {p_holm!r}"
    found = "undecided" if min(first["seeds"], second["seeds"]) == 1 else verdict(row)
    if found != row["verdict"]:
        yield f"is called {row['verdict']}; its interval and p value say {found}"


def verdict(row: Json) -> str:
    """What interval and p value of a claim say, by its relation."""
    low, high, within, least = (
        row[name] for name in ("ci_low", "ci_high", "within", "by_at_least")
    )
    if within is None:
        supported, refuted = low >= least and low > 0, high < least
    else:
        # p is one-sided: of non-inferiority, or the larger one of the two of equivalence.
        supported, refuted = row["p_value"] < 0.05, high < -within
        refuted |= row["relation"] == "equivalent" and low > within
    return "supported" if supported else "refuted" if refuted else "undecided"


def holm(p_values: list[float]) -> list[float]:
    """p values corrected over their family (Holm 1979)."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = largest
    return corrected


def unlike(name: str, rows: list[Json], again: Json, prompt: str) -> list[str]:
    """Numbers that are not what the ledgers give, are missing, or have nothing behind them."""
    problems, left = [], dict(again)
    for row in rows:
        at = (row["recipe"], row["stage"], row["suite"], row[prompt], row["metric"])
        where = f"{name}: {'/'.join(at)}, {'all seeds' if row['seed'] is None else row['seed']}"
        value, n, seeds = left.pop((at, row["seed"]), (None, 0, 0))
        if value is None:
            problems.append(f"{where}: nothing in the ledgers gives this number")
        elif not math.isclose(value, row["value"], rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            problems.append(f"{where}: says {row['value']!r}; the single answers give {value!r}")
        elif (n, seeds) != (row["n"], row["seeds"]):
            problems.append(f"{where}: says {row['n']} of {row['seeds']} seeds, not {n} of {seeds}")
    return problems + [f"{name}: lacks {'/'.join(at)}, seed {seed}" for at, seed in left]


def strays(row: Json, made: Json, artifacts: Json) -> Iterator[str]:
    """Where a number names other artifacts than those whose answers give it."""
    at = (row["recipe"], row["stage"], row["suite"], row["prompt"], row["metric"])
    named = {f"{name}@{version}" for name, version in row["artifacts"].items()}
    seeds = made[at].items()
    behind = {one for seed, names in seeds if row["seed"] in (None, seed) for one in names}
    for name in sorted((named - set(artifacts)) | (behind - named)):
        yield f"results.json: {'/'.join(at)}: is not made from {name}, or that is not here"


def check_reviews(said: Said, bundle: Bundle, artifacts: Json, report: str) -> None:
    """Each review is signed by its reviewer, follows the one before, and is about this report."""
    before = None
    for number, name in enumerate(sorted(bundle.under("reviews/", ".json")), 1):
        envelope = bundle.json(name)
        claimed = parsed(base64.b64decode(envelope["payload"]))["predicate"]["reviewer"]
        try:
            key = dict([read_key(bundle.read(f"reviewers/{claimed}.pub.pem"))])
            statement, signer = opened(envelope, key)
        except BrokenError as error:
            raise BrokenError(f"{name}: {error}") from None
        review = statement["predicate"]
        about = [one["digest"]["sha256"] for one in statement["subject"]]
        if (about, review["record"]) != (
            [artifacts[report]["digest"]],
            artifacts[report]["record"],
        ):
            raise BrokenError(f"{name}: is about another report")
        if (review["number"], review["previous"], review["signed_by"]) != (number, before, signer):
            raise BrokenError(f"{name}: one before it was changed or taken out")
        before = sha256(base64.b64decode(envelope["payload"]))
        said.holds(
            f"review {number}: {review['decision']} by {review['reviewer']} on "
            f"{review['time'][:10]}, key {signer}: {review['note']}"
        )
    if before is None:
        said.holds("there are no reviews of this report")


# ---------------------------------------------------------------- proofs about one document


def prove(bundle: Bundle, document: str) -> Json:
    """That a document is in the signed tree, or that its neighbours leave no place for it."""
    if not re.fullmatch("[0-9a-f]{64}", document):
        raise NoBundleError(f"{document!r} is no document id (64 characters 0-9a-f)")
    envelope = bundle.json(SIGNED, ENVELOPE)
    statement, key = opened(envelope, bundle_keys(bundle))
    leaves: list[bytes] = []
    below: Json | None = None
    above: Json | None = None
    for row in bundle.rows(DOCUMENTS):
        one = {"index": len(leaves), "leaf": {name: row[name] for name in LEAF}}
        leaves.append(leaf_hash(row))
        if row["document_id"] <= document:
            below = one
        elif above is None:
            above = one
    if tree_root(leaves) != subject(statement, "documents"):
        raise BrokenError("the Merkle root over the documents is not the one that was signed")
    exact = below is not None and below["leaf"]["document_id"] == document
    shown = [one for one in ([below] if exact else [below, above]) if one]
    return {
        "type": PROOF_TYPE,
        "document_id": document,
        "leaves": [{**one, "path": tree_path(leaves, one["index"])} for one in shown],
        "statement": envelope,
        "key": bundle.read(f"keys/{key[:16]}.pem", KEY).decode(),
    }


def check_proof(path: str, given: str | None) -> int:
    """Check a proof without the bundle; prints what it says."""
    try:
        with regular(path) as file:
            proof = parsed(file.read(WHOLE))
        if proof["type"] != PROOF_TYPE:
            raise ValueError
        envelope, own = proof["statement"], proof["key"].encode()
    except OSError as error:
        raise NoBundleError(f"{path}: cannot be read ({error.strerror})") from None
    except (BrokenError, *UNLIKE):
        raise NoBundleError(f"{path}: is not a proof about a document") from None
    said = Said()
    found = said.guard("the proof", _proved, proof, trusted(envelope, dict([read_key(own)]), given))
    if not found:
        return 1
    told, key = found
    _say_key(said, given, key)
    print(plain(told if given else f"By the word of a key that came with the proof: {told}"))
    return 0


def _proved(said: Said, proof: Json, keys: dict[str, Ed25519PublicKey]) -> tuple[str, str]:
    """What the proof says, and the key whose word that is."""
    statement, key = opened(proof["statement"], keys)
    said.holds(f"the root is signed by key {key}")
    predicate, document, leaves = statement["predicate"], proof["document_id"], proof["leaves"]
    root, count = subject(statement, "documents"), predicate["documents"]["count"]
    for one in leaves:
        if set(one["leaf"]) != set(LEAF):
            raise BrokenError("a leaf holds other things than the tree commits to")
        if path_root(leaf_hash(one["leaf"]), one["index"], count, one["path"]) != root:
            raise BrokenError("a leaf does not lead to the signed root: it was altered")
    said.holds(f"what is shown of the tree leads to the signed root of {count} documents")
    about = f"behind {predicate['report']} of study {predicate['study']}"
    ids = [(one["index"], one["leaf"]["document_id"]) for one in leaves]
    if [name for _, name in ids] == [document]:
        use = told(leaves[0]["leaf"])
        return f"Document {document} IS one of the documents {about}: {use}", key
    places = [(-1, ""), *ids] if not ids or ids[0][1] > document else ids
    places = places if len(places) == 2 else [*places, (count, "g")]
    (first, before), (second, after) = places
    if second != first + 1 or not before < document < after:
        raise BrokenError("the leaves are not the neighbours of that document")
    absent = f"Document {document} is NOT one of the documents {about}"
    return f"{absent}: its neighbours are adjacent.", key


def told(leaf: Json) -> str:
    """What the recipes did with a document, in words."""
    uses = [
        f"{use['recipe']} ({use['use']}): {use['state']}"
        + (f" by {use['rule']}" if use["rule"] else "")
        + (f", {use['packed_tokens']} tokens" if use["packed_tokens"] else "")
        for use in leaf["recipes"]
    ]
    return f"source {leaf['source']}; " + "; ".join(uses)


# ---------------------------------------------------------------- the command


BY_KNOWN_KEY = "\nWHAT WAS PROVED\n"
BY_OWN_KEY = """
WHAT WAS SHOWN, IF THE KEY IS THE SIGNER'S
The key came with the file, and anybody can make such a file with a key of their own. Until somebody
tells you the fingerprint above by other means, this shows only that the file agrees with itself.
"""
PROVED = """\
- Whoever holds the key above signed exactly these bytes: report, records and ledgers.
- Every artifact behind the report was signed when it was made; its records are unchanged, none is
  missing, and each names exactly what it was made from, down to the raw corpora.
- The numbers of results.json follow from the single answers, losses and attacks that are here, and
  the claims of findings.json are those that were declared: effects follow from these numbers,
  verdicts and corrected p values from the intervals and p values beside them.
- The list of documents is the one under the signed root: what is not on it was, by the signer's
  word, not used; what is on it says what each recipe did with it.
- Documents that were written for the study, if there are any, name prompts that are here, and those
  have the texts that their digests are of.

WHAT WAS NOT PROVED
- That the key belongs to whom you think, and a reviewer's to that reviewer. Compare fingerprints by
  other means. That no later review was left out, and that no newer report came later.
- That training really read what its ledger says: the trainer wrote it. Running random segments
  again would show it (`alignment audit replay`); the weights are named here by digest only.
- That the named models wrote documents from these prompts: who asked them wrote it down.
- That models really gave these answers: the evaluator wrote them. Evaluating again would show it.
- That the ledgers here, which are JSON, equal the Parquet files whose digests the manifests hold,
  other than by the signer's word; that the raw files are what they are said to be.
- Intervals, p values, comparisons, plots and the words of the report: they were not computed again.
- That the program in the bundle is honest: take verify.py from where you trust it.
"""
NO_TEXTS = "- That the documents' ids are those of their texts: the texts are not here.\n"


def bundle_keys(bundle: Bundle) -> dict[str, Ed25519PublicKey]:
    """The public keys that the bundle carries."""
    found = {}
    for name in bundle.under("keys/", ".pem"):
        try:
            key, public = read_key(bundle.read(name, KEY))
        except BrokenError as error:
            raise BrokenError(f"{name}: {error}") from None
        found[key] = public
    return found


def trusted(
    envelope: Json, own: dict[str, Ed25519PublicKey], given: str | None
) -> dict[str, Ed25519PublicKey]:
    """The one key that was given, which must be the one that signed; else those that came along."""
    if given is None:
        return own
    try:
        with regular(given) as file:
            name, key = read_key(file.read(KEY))
    except OSError as error:
        raise NoBundleError(f"{given}: cannot be read ({error.strerror})") from None
    except BrokenError as error:
        raise NoBundleError(f"{given}: {error}") from None
    try:
        others = [one["keyid"] for one in envelope["signatures"]] != [name]
    except UNLIKE:
        others = False
    if others:
        raise NoBundleError(f"{given} is the wrong key: {name} is not named in what it is to check")
    return {name: key}


def _say_key(said: Said, given: str | None, checked: str) -> None:
    if given is None:
        said.notes(f"the key came with the file; compare its fingerprint: {checked}")


def verify(path: str, given: str | None) -> int:
    """Check a bundle, line by line; 0 where all holds, else 1."""
    bundle, said = Bundle(path), Said()
    said.holds(bundle.described)
    keys = said.guard("keys", lambda _: bundle_keys(bundle)) or {}
    envelope = said.guard(SIGNED, lambda _: bundle.json(SIGNED, ENVELOPE)) or {}
    checked = said.guard(SIGNED, check_index, bundle, trusted(envelope, keys, given))
    if checked:
        said.guard(SIGNED, check_content, bundle, checked[0], keys)
        _say_key(said, given, checked[1])
    if said.broken:
        print(f"\nNOTHING WAS PROVED: {said.broken} things do not hold; they are named above.")
        return 1
    texts = checked[0]["predicate"]["texts"]
    heading = BY_OWN_KEY if given is None else BY_KNOWN_KEY
    print(heading + PROVED + ("" if texts else NO_TEXTS), end="")
    return 0


def check_content(
    said: Said, bundle: Bundle, statement: Json, keys: dict[str, Ed25519PublicKey]
) -> None:
    """Everything that the index names, each for itself."""
    report = statement["predicate"]["report"]
    artifacts = said.guard("artifacts", check_artifacts, bundle, keys) or {}
    said.guard("parents", check_parents, artifacts, report)
    said.guard("report", check_report, bundle, statement, artifacts, report)
    said.guard("journal", check_journal, bundle, statement["predicate"], artifacts, keys)
    training = said.guard("consumption", check_training, bundle, artifacts)
    said.guard("documents", check_documents, bundle, statement, artifacts, training)
    if statement["predicate"]["texts"]:
        said.guard("texts", check_texts, bundle, statement["predicate"])
    said.guard("prompts", check_prompts, bundle, artifacts, statement["predicate"])
    said.guard("numbers", check_numbers, bundle, artifacts, report)
    said.guard("claims", check_claims, bundle, artifacts, report)
    said.guard("reviews", check_reviews, bundle, artifacts, report)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Check a dossier, or a proof about a document.")
    parser.add_argument("file", nargs="?", help="the bundle, or the folder it was unpacked into")
    parser.add_argument("--key", help="the signer's public key (PEM), known by other means")
    parser.add_argument("--prove", metavar="ID", help="print a proof about this document")
    parser.add_argument("--proof", metavar="PROOF", help="check this proof, without a bundle")
    given = parser.parse_args(arguments)
    if (given.file is None) == (given.proof is None):
        parser.error("name a bundle, or a proof with --proof")
    try:
        if given.proof is not None:
            return check_proof(given.proof, given.key)
        if given.prove is not None:
            print(json.dumps(prove(Bundle(given.file), given.prove), indent=1))
            return 0
        return verify(given.file, given.key)
    except NoBundleError as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return 2
    except Exception as error:
        print(f"FAILS  {plain(str(error) if isinstance(error, BrokenError) else repr(error))}")
        return 1


if __name__ == "__main__":
    try:
        # What a terminal cannot show is escaped: it would end the program in the middle.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        sys.exit(main())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
