"""Proofs about one document: of its use, of its absence, and none that was altered."""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.lineage.signing import create_key
from alignment_dagster.release.dossier import verify
from alignment_dagster.release.dossier.build import build_dossier
from tests.support.audited_study import Audited
from tests.support.bundles import Dossier

pytestmark = pytest.mark.slow
LEAVES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""The example of Certificate Transparency (google/certificate-transparency, merkle tree tests)."""


def test_the_tree_is_that_of_rfc_6962() -> None:
    hashes = [hashlib.sha256(b"\0" + leaf).digest() for leaf in LEAVES]
    for count, root in ROOTS.items():
        assert verify.tree_root(hashes[:count]) == root
    assert verify.tree_root([]) == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("count", range(1, 20))
def test_every_path_leads_to_the_root_and_from_no_other_leaf(count: int) -> None:
    leaves = [hashlib.sha256(bytes([0, number])).digest() for number in range(count)]
    root = verify.tree_root(leaves)
    for index, leaf in enumerate(leaves):
        path = verify.tree_path(leaves, index)
        assert verify.path_root(leaf, index, count, path) == root
        for other in range(count):
            if other != index:
                assert not _leads(leaves[other], index, count, path, root)
                assert not _leads(leaf, other, count, path, root)
        assert not _leads(leaf, index, count, [*path, root], root)
        assert not (path and _leads(leaf, index, count, path[:-1], root))


def _leads(leaf: bytes, index: int, count: int, path: list[str], root: str) -> bool:
    try:
        return verify.path_root(leaf, index, count, path) == root
    except verify.BrokenError:
        return False


@pytest.fixture(scope="module")
def bundle(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dossier(audited.archive, None, tmp_path_factory.mktemp("proofs") / "d.zip").path


@pytest.fixture(scope="module")
def ids(bundle: Path) -> list[str]:
    return [row["document_id"] for row in Dossier.read(bundle).rows("documents")]


@pytest.fixture
def proof(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], dict[str, Any]]:
    def prove(document: str) -> dict[str, Any]:
        capsys.readouterr()
        assert verify.main([str(bundle), "--prove", document]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return prove


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., int]:
    def check(proof: dict[str, Any], *arguments: str) -> int:
        path = tmp_path / "proof.json"
        path.write_text(json.dumps(proof))
        return verify.main(["--proof", str(path), *arguments])

    return check


Prove = Callable[[str], dict[str, Any]]
CheckProof = Callable[..., int]


def test_a_known_text_is_proved_to_have_been_there(
    audited: Audited, bundle: Path, proof: Prove, check: CheckProof,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    line = json.loads((audited.study.data / "stories.jsonl").read_text().splitlines()[0])
    document = sha256_text("stories", line["text"])
    (key,) = (audited.home.root / "keys" / "trusted").glob("*.pem")
    assert check(proof(document), "--key", str(key)) == 0
    told = capsys.readouterr().out
    assert f"Document {document} IS one of the documents" in told
    assert "source stories" in told
    assert "NOTE" not in told


def test_every_document_can_be_proved(ids: list[str], proof: Prove, check: CheckProof) -> None:
    for document in (ids[0], ids[1], ids[len(ids) // 2], ids[-2], ids[-1]):
        assert check(proof(document)) == 0


def _absent(ids: list[str]) -> list[str]:
    """Before the first, between any, and after the last."""
    between = f"{int(ids[10], 16) + 1:064x}"
    return ["0" * 64, between, "f" * 64]


def test_a_document_that_was_not_there_is_proved_absent(
    ids: list[str], proof: Prove, check: CheckProof, capsys: pytest.CaptureFixture[str]
) -> None:
    for document in _absent(ids):
        assert check(proof(document)) == 0
        assert f"Document {document} is NOT one of the documents" in capsys.readouterr().out


def _other_document(proof: dict[str, Any]) -> None:
    proof["document_id"] = "0" * 63 + "1"


def _other_state(proof: dict[str, Any]) -> None:
    proof["leaves"][0]["leaf"]["recipes"][0]["state"] = "altered"


def _other_index(proof: dict[str, Any]) -> None:
    proof["leaves"][0]["index"] += 1


def _other_path(proof: dict[str, Any]) -> None:
    path = proof["leaves"][0]["path"]
    path[0] = hashlib.sha256(path[0].encode()).hexdigest()


def _short_path(proof: dict[str, Any]) -> None:
    proof["leaves"][0]["path"].pop()


def _words_added(proof: dict[str, Any]) -> None:
    proof["leaves"][0]["leaf"]["note"] = "checked"


def _no_leaf(proof: dict[str, Any]) -> None:
    proof["leaves"] = []


def _other_statement(proof: dict[str, Any]) -> None:
    payload = proof["statement"]["payload"]
    proof["statement"]["payload"] = (
        payload[:40] + ("A" if payload[40] != "A" else "B") + payload[41:]
    )


ALTERED = [
    _other_document, _other_state, _other_index, _other_path, _short_path, _words_added, _no_leaf,
    _other_statement,
]  # fmt: skip


@pytest.mark.parametrize("alter", ALTERED)
def test_an_altered_proof_is_refused(
    alter: Callable[[dict[str, Any]], None], ids: list[str], proof: Prove, check: CheckProof,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    altered = copy.deepcopy(proof(ids[10]))
    alter(altered)
    assert check(altered) == 1
    assert "IS one of" not in capsys.readouterr().out


def test_absence_is_not_believed_without_both_neighbours(
    ids: list[str], proof: Prove, check: CheckProof
) -> None:
    whole = proof(_absent(ids)[1])
    for kept in (whole["leaves"][:1], whole["leaves"][1:], []):
        assert check({**whole, "leaves": kept}) == 1


def test_absence_is_not_believed_of_neighbours_that_are_apart(
    ids: list[str], proof: Prove, check: CheckProof
) -> None:
    """Or a document that lies between them could be denied."""
    first, last = proof(ids[9])["leaves"], proof(ids[11])["leaves"]
    assert check({**proof(_absent(ids)[1]), "leaves": first + last}) == 1
    assert check({**proof(ids[10]), "leaves": first + last}) == 1


def test_a_proof_by_another_key_is_a_wrong_key(
    ids: list[str], proof: Prove, check: CheckProof, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from alignment_dagster.lineage.signing import read_signer

    create_key(tmp_path / "other.pem")
    public = read_signer(tmp_path / "other.pem").key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(pem)
    assert check(proof(ids[0]), "--key", str(tmp_path / "public.pem")) == 2
    assert "wrong key" in capsys.readouterr().err


def test_a_proof_names_only_the_key_that_was_checked_and_says_by_whose_word_it_speaks(
    ids: list[str], proof: Prove, check: CheckProof, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = proof(ids[0])
    capsys.readouterr()
    assert check(whole) == 0
    told = capsys.readouterr().out
    assert f"By the word of a key that came with the proof: Document {ids[0]} IS" in told
    whole["statement"]["signatures"].insert(0, {"keyid": "f" * 64, "sig": ""})
    assert check(whole) == 1
    assert "f" * 16 not in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json", '{"type": "x"}', "[" * 100_000])
def test_what_is_no_proof_is_one_message(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.json").write_text(text)
    assert verify.main(["--proof", str(tmp_path / "p.json")]) == 2
    assert "is not a proof about a document" in capsys.readouterr().err


def test_what_is_no_id_is_one_message(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(bundle), "--prove", "\x1b[2Jhello"]) == 2
    assert "is no document id" in capsys.readouterr().err
