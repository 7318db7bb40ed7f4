"""Dossiers of the tiny study, and ways to alter them."""

import base64
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_dagster.lineage.signing import Signer
from alignment_dagster.release.dossier import verify

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Dossier:
    """The members of a bundle, to be altered and written again."""

    members: Mapping[str, bytes]

    @classmethod
    def read(cls, path: Path) -> "Dossier":
        with zipfile.ZipFile(path) as archive:
            return cls({name: archive.read(name) for name in archive.namelist()})

    def having(self, name: str, content: bytes | None) -> "Dossier":
        """With this content of a member; without the member for None."""
        members = {**self.members, name: content}
        return Dossier({name: body for name, body in members.items() if body is not None})

    def rows(self, name: str) -> Rows:
        lines = gzip.decompress(self.members[f"ledgers/{name}.jsonl.gz"]).splitlines()
        return [json.loads(line) for line in lines]

    def having_rows(self, name: str, change: Callable[[Rows], Any]) -> "Dossier":
        """With a ledger's rows as `change` leaves them."""
        rows = self.rows(name)
        change(rows)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return self.having(
            f"ledgers/{name}.jsonl.gz",
            gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0),
        )

    def having_json(self, name: str, change: Callable[[Any], Any]) -> "Dossier":
        """With a JSON member as `change` leaves it."""
        content = json.loads(self.members[name])
        change(content)
        return self.having(name, json.dumps(content).encode())

    def indexed(self) -> "Dossier":
        """With an index of what there is now; not signed."""
        files = {
            name: {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}
            for name, body in sorted(self.members.items())
            if name not in (verify.INDEX, verify.SIGNED)
        }
        return self.having(verify.INDEX, json.dumps({"files": files}).encode())

    def signed(self, signer: Signer) -> "Dossier":
        """With an index of what there is now, signed: what a dishonest signer would write."""
        new = self.indexed()
        payload = json.loads(base64.b64decode(json.loads(self.members[verify.SIGNED])["payload"]))
        leaves = [verify.leaf_hash(row) for row in self.rows("documents")]
        digests = {
            verify.INDEX: hashlib.sha256(new.members[verify.INDEX]).hexdigest(),
            "documents": verify.tree_root(leaves),
        }
        for subject in payload["subject"]:
            if subject["name"] in digests:
                subject["digest"] = {"sha256": digests[subject["name"]]}
        payload["predicate"]["documents"]["count"] = len(leaves)
        return new.having(verify.SIGNED, json.dumps(signer.sign(payload)).encode())

    def write(self, path: Path) -> Path:
        path.write_bytes(self.packed())
        return path

    def packed(self) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in self.members.items():
                archive.writestr(name, body)
        return buffer.getvalue()
