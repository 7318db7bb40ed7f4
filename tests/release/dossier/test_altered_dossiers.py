"""Whatever is altered in a dossier is found and named; no file can harm who checks it."""

import base64
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from alignment_dagster.lineage.signing import Signer, create_key, read_signer
from alignment_dagster.release.dossier import verify
from alignment_dagster.release.dossier.build import build_dossier
from alignment_dagster.report.claims import judge
from alignment_dagster.study.claims import WITH_MARGIN, Claim
from tests.support.audited_study import Audited
from tests.support.bundles import Dossier, Rows

pytestmark = pytest.mark.slow
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def bundle(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tampering") / "d.zip"
    return build_dossier(audited.archive, None, path, texts=True).path


@pytest.fixture
def dossier(bundle: Path) -> Dossier:
    return Dossier.read(bundle)


@pytest.fixture
def signer(audited: Audited) -> Signer:
    return read_signer(audited.home.root / "keys" / "lake.pem")


@pytest.fixture
def told(tmp_path: Path, capsys: Capture) -> Callable[..., tuple[int, str]]:
    def told(dossier: Dossier, *arguments: str) -> tuple[int, str]:
        code = verify.main([str(dossier.write(tmp_path / "altered.zip")), *arguments])
        said = capsys.readouterr()
        assert said.out.isprintable() or all(one.isprintable() for one in said.out.splitlines())
        return code, said.out + said.err

    return told


Told = Callable[..., tuple[int, str]]


def test_written_again_it_still_holds(dossier: Dossier, signer: Signer, told: Told) -> None:
    assert told(dossier)[0] == 0
    assert told(dossier.signed(signer))[0] == 0


NAMES = [
    "README.txt", "verify.py", "journal.jsonl", "report/report.html", "report/results.json",
    "report/findings.json", "report/questions.jsonl", "ledgers/items.jsonl.gz",
    "ledgers/documents.jsonl.gz", "ledgers/consumption.jsonl.gz", "ledgers/losses.jsonl.gz",
    "ledgers/attack_items.jsonl.gz", "ledgers/metrics.jsonl.gz", "ledgers/texts.jsonl.gz",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_bit_is_found_in_every_file(name: str, dossier: Dossier, told: Told) -> None:
    body = bytearray(dossier.members[name])
    body[len(body) // 2] ^= 4
    code, text = told(dossier.having(name, bytes(body)))
    assert code == 1
    assert f"{name} was altered" in text


@pytest.mark.parametrize("record", ["manifest.json", "provenance.json", "statement.json"])
def test_a_flipped_bit_is_found_in_every_record(record: str, dossier: Dossier, told: Told) -> None:
    for name in [one for one in dossier.members if one.endswith(record)][::7]:
        body = bytearray(dossier.members[name])
        body[len(body) // 2] ^= 4
        code, text = told(dossier.having(name, bytes(body)))
        assert code == 1
        assert f"{name} was altered" in text


@pytest.mark.parametrize("name", [verify.INDEX, verify.SIGNED])
def test_every_flipped_bit_of_index_and_signature_is_found(
    name: str, dossier: Dossier, told: Told
) -> None:
    body = dossier.members[name]
    for place in range(0, len(body), max(1, len(body) // 60)):
        flipped = bytes([*body[:place], body[place] ^ 1, *body[place + 1 :]])
        if name == verify.SIGNED and _same_json(flipped, body):
            continue
        assert told(dossier.having(name, flipped))[0] != 0, place


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def test_bytes_flipped_in_the_zip_itself_never_change_what_is_believed(
    bundle: Path, dossier: Dossier, tmp_path: Path, capsys: Capture
) -> None:
    """Fields of the zip itself, as its times, are no content; all else is found."""
    draw, whole = random.Random(0), bundle.read_bytes()
    path, found = tmp_path / "flipped.zip", 0
    for _ in range(60):
        flipped = bytearray(whole)
        flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        if verify.main([str(path)]) == 0:
            assert Dossier.read(path) == dossier
        else:
            found += 1
    assert found > 50
    assert "Traceback" not in capsys.readouterr().err


def test_files_that_are_missing_or_added_are_named(dossier: Dossier, told: Told) -> None:
    code, text = told(dossier.having("report/report.html", None))
    assert (code, "report/report.html is missing" in text) == (1, True)
    code, text = told(dossier.having("report/extra.html", b"look here"))
    assert (code, "report/extra.html was added" in text) == (1, True)
    whole = next(one for one in dossier.members if "/evaluation/" in one).rpartition("/")[0]
    less = dossier
    for name in [one for one in dossier.members if one.startswith(whole)]:
        less = less.having(name, None)
    code, text = told(less.indexed())
    assert code == 1
    assert "evaluation[" in text


def test_records_swapped_between_artifacts_are_named(dossier: Dossier, told: Told) -> None:
    one, other = [
        name
        for name in dossier.members
        if "/evaluation/" in name and name.endswith("statement.json")
    ][:2]
    swapped = dossier.having(one, dossier.members[other]).having(other, dossier.members[one])
    code, text = told(swapped.indexed())
    assert code == 1
    assert one.removeprefix("artifacts/").rpartition("/")[0] in text


def _better(results: list[dict[str, Any]]) -> None:
    results[0]["value"] += 0.01


def test_an_edited_number_is_named_though_the_index_was_written_again(
    dossier: Dossier, told: Told
) -> None:
    first = json.loads(dossier.members["report/results.json"])[0]
    code, text = told(dossier.having_json("report/results.json", _better).indexed())
    assert code == 1
    assert "index.json is not what was signed" in text
    assert "report/results.json is not the one of the report's manifest" in text
    assert f"{first['recipe']}/{first['stage']}/{first['suite']}" in text


def test_an_edited_number_is_named_even_if_the_signer_edited_it(
    dossier: Dossier, signer: Signer, told: Told
) -> None:
    code, text = told(dossier.having_json("report/results.json", _better).signed(signer))
    assert code == 1
    assert "the single answers give" in text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("verdict", "refuted", "is called refuted; its interval and p value say "),
        ("value", 0.6, "says 0.6; the numbers give "),
        ("p_holm", 2.0, "its corrected p is 2.0; the p values give "),
        ("within", 0.9, "its within is not what was declared"),
        ("relation", "equivalent", "its relation is not what was declared"),
        ("reason", "not measured yet", "is said to be tested, and was not measured, or the other"),
    ],
)
def test_an_edited_claim_is_named_even_if_the_signer_edited_it(
    field: str, value: Any, message: str, dossier: Dossier, signer: Signer, told: Told
) -> None:
    def edit(findings: dict[str, Any]) -> None:
        next(one for one in findings["claims"] if one["name"] == "at_little_cost")[field] = value

    code, text = told(dossier.having_json("report/findings.json", edit).signed(signer))
    assert code == 1
    assert f"FAILS  findings.json: claim at_little_cost: {message}" in text


@pytest.mark.parametrize("relation", ["lower", "higher", "not_lower", "not_higher", "equivalent"])
@pytest.mark.parametrize("first", [0.1, 0.35, 0.42, 0.5, 0.58, 0.65, 0.9])
def test_the_verifier_judges_a_claim_as_the_report_does(relation: str, first: float) -> None:
    margin = {"within": 0.1} if relation in WITH_MARGIN else {"by_at_least": 0.1}
    names = {"name": "n", "statement": "s", "recipe": "a", "than": "b", "suite": "s"}
    claim = Claim.model_validate({**names, **margin, "relation": relation, "stage": "dpo"})
    generator = np.random.default_rng(3)
    sides = [rate + 0.1 * generator.standard_normal((3, 60)) for rate in (first, 0.5)]
    found = judge(claim, *sides)
    row = {
        **claim.model_dump(), "p_value": found.p_value,
        "ci_low": found.effect.ci_low, "ci_high": found.effect.ci_high,
    }  # fmt: skip
    assert verify.verdict(row) == found.verdict


def _flip_hit(rows: Rows) -> None:
    rows[0]["hit"] = 1 - rows[0]["hit"]


def _drop_scenario(rows: Rows) -> None:
    gone = (rows[0]["artifact"], rows[0]["scenario_id"])
    rows[:] = [row for row in rows if (row["artifact"], row["scenario_id"]) != gone]


def _drop_row(rows: Rows) -> None:
    del rows[0]


def _more_nats(rows: Rows) -> None:
    rows[0]["nll"] *= 1.001


def _read_twice(rows: Rows) -> None:
    row = next(row for row in rows if row["sequences"])
    row["sequences"][0] = row["sequences"][1]


def _step_dropped(rows: Rows) -> None:
    del rows[1]


def _steps_swapped(rows: Rows) -> None:
    rows[0], rows[1] = rows[1], rows[0]


def _other_document_seen(rows: Rows) -> None:
    row = next(row for row in rows if row["documents"])
    row["documents"][0] = row["documents"][1]


def _fewer_tokens(rows: Rows) -> None:
    next(use for row in rows for use in row["recipes"] if use["packed_tokens"])[
        "packed_tokens"
    ] -= 1


def _used_though_dropped(rows: Rows) -> None:
    next(use for row in rows for use in row["recipes"] if use["packed_tokens"])["state"] = "dropped"


def _out_of_order(rows: Rows) -> None:
    rows[0], rows[1] = rows[1], rows[0]


def _document_left_out(rows: Rows) -> None:
    del rows[next(index for index, row in enumerate(rows) if row["recipes"][0]["packed_tokens"])]


def _other_text(rows: Rows) -> None:
    rows[0]["text"] += "!"
    rows[0]["payload"] = rows[0]["payload"] and rows[0]["payload"] + " "


@pytest.mark.parametrize(
    ("ledger", "change", "message"),
    [
        ("items", _flip_hit, "the single answers give"),
        ("items", _drop_scenario, "results.json: "),
        ("attack_items", _flip_hit, "the single answers give"),
        ("losses", _more_nats, "the single answers give"),
        ("metrics", _drop_row, "metrics.jsonl.gz: lacks"),
        ("consumption", _read_twice, "not every sequence was read exactly once"),
        ("consumption", _step_dropped, "does not continue the chain"),
        ("consumption", _steps_swapped, "does not continue the chain"),
        ("consumption", _other_document_seen, "was not seen as often"),
        ("documents", _fewer_tokens, "tokens; documents of curated_mix["),
        ("documents", _used_though_dropped, "but was dropped"),
        ("documents", _out_of_order, "is not in the order of ids"),
        ("documents", _document_left_out, "tokens; documents of curated_mix["),
        ("texts", _other_text, "its text is another one"),
    ],
)
def test_ledgers_that_contradict_each_other_are_found_though_the_signer_signed_them(
    ledger: str, change: Callable[[Rows], None], message: str,
    dossier: Dossier, signer: Signer, told: Told,
) -> None:  # fmt: skip
    code, text = told(dossier.having_rows(ledger, change).signed(signer))
    assert code == 1
    assert message in text


def test_documents_exchanged_under_an_old_root_are_found(
    dossier: Dossier, signer: Signer, told: Told
) -> None:
    def rename(rows: Rows) -> None:
        rows[0]["source"] = "another"

    honest = dossier.signed(signer)
    code, text = told(honest.having_rows("documents", rename).indexed())
    assert code == 1
    assert "the Merkle root over the documents is not the one that was signed" in text


def test_a_check_that_had_failed_is_told(dossier: Dossier, signer: Signer, told: Told) -> None:
    folder = next(
        one.rpartition("/")[0] for one in dossier.members if one.startswith("artifacts/evaluation/")
    )
    name, statement = f"{folder}/provenance.json", f"{folder}/statement.json"
    provenance = json.loads(dossier.members[name])
    provenance["checks"][0].update(passed=False, blocking=True, summary="not all is well")
    body = json.dumps(provenance).encode()
    payload, _ = verify.opened(
        json.loads(dossier.members[statement]), {signer.key_id: signer.key.public_key()}
    )
    payload["predicate"]["runDetails"]["byproducts"][0]["digest"]["sha256"] = verify.sha256(body)
    envelope = json.dumps(signer.sign(payload)).encode()
    code, text = told(dossier.having(name, body).having(statement, envelope).signed(signer))
    assert code == 1
    assert text.count("FAILS") == 1
    assert f"its check {provenance['checks'][0]['name']} had failed: not all is well" in text


@pytest.fixture
def stranger(tmp_path: Path) -> Signer:
    create_key(tmp_path / "stranger.pem")
    return read_signer(tmp_path / "stranger.pem")


def _pem(signer: Signer) -> bytes:
    return signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_another_key_that_signs_all_anew_is_a_wrong_key(
    audited: Audited, dossier: Dossier, stranger: Signer, told: Told
) -> None:
    (key,) = (audited.home.root / "keys" / "trusted").glob("*.pem")
    name = f"keys/{stranger.key_id[:16]}.pem"
    forged = dossier.having(name, _pem(stranger)).signed(stranger)
    code, text = told(forged, "--key", str(key))
    assert code == 2
    assert "wrong key" in text
    code, text = told(forged)
    assert f"compare its fingerprint: {stranger.key_id}" in text


@pytest.mark.parametrize("unchecked", [b"unchecked", b""])
@pytest.mark.parametrize("place", [0, 1])
def test_only_the_key_whose_signature_was_checked_is_named(
    place: int, unchecked: bytes,
    dossier: Dossier, signer: Signer, stranger: Signer, told: Told,
) -> None:  # fmt: skip
    """A stranger signs, and writes the known key beside his own."""
    (own,) = [one for one in dossier.members if one.startswith("keys/")]
    forged = dossier.having(own, None).having("keys/forged.pem", _pem(stranger)).signed(stranger)

    def add(envelope: dict[str, Any]) -> None:
        signature = base64.b64encode(unchecked).decode()
        envelope["signatures"].insert(place, {"keyid": signer.key_id, "sig": signature})

    code, text = told(forged.having_json(verify.SIGNED, add))
    assert code == 1
    assert "index.statement.json: is no envelope with exactly one signature" in text
    assert signer.key_id[:16] not in text.replace(f"by key {signer.key_id[:16]})", "")


def test_an_envelope_that_says_a_thing_twice_or_more_than_it_has_to_is_found(
    dossier: Dossier, told: Told
) -> None:
    """Another reader may take the first of two, or what was added."""
    envelope = dossier.members[verify.SIGNED]
    twice = envelope.replace(b"{", b'{"signatures": [],', 1)
    more = envelope.replace(b"{", b'{"signed_by": "somebody",', 1)
    for body, message in (
        (twice, "signatures: this field is given twice"),
        (more, "is no envelope with exactly one signature"),
    ):
        code, text = told(dossier.having(verify.SIGNED, body))
        assert (code, message in text) == (1, True), text


def test_without_a_known_key_the_summary_claims_less(
    audited: Audited, dossier: Dossier, told: Told
) -> None:
    (key,) = (audited.home.root / "keys" / "trusted").glob("*.pem")
    _, with_key = told(dossier, "--key", str(key))
    _, without = told(dossier)
    assert "WHAT WAS PROVED" in with_key
    assert "WHAT WAS PROVED" not in without
    assert "WHAT WAS SHOWN, IF THE KEY IS THE SIGNER'S" in without
    assert "anybody can make such a file with a key of their own" in " ".join(without.split())


def test_a_signature_by_a_key_that_is_not_there_is_found(
    dossier: Dossier, stranger: Signer, told: Told
) -> None:
    code, text = told(dossier.signed(stranger))
    assert code == 1
    assert "is not signed by a key that counts here" in text


def test_the_key_exchanged_under_its_name_is_found(
    dossier: Dossier, stranger: Signer, told: Told
) -> None:
    (name,) = [one for one in dossier.members if one.startswith("keys/")]
    code, text = told(dossier.having(name, _pem(stranger)))
    assert code == 1
    assert "is not signed by a key that counts here" in text


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.9999])
def test_a_truncated_bundle_is_one_message(
    share: float, bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    whole = bundle.read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: int(len(whole) * share)])
    assert verify.main([str(tmp_path / "cut.zip")]) == 2
    said = capsys.readouterr()
    assert ("truncated" if share else "not a bundle") in said.err
    assert not said.out


def test_other_files_are_no_bundle(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "words.txt").write_text("hello\x1b[2J")
    Dossier({"a.txt": b"a"}).write(tmp_path / "other.zip")
    for name in ("words.txt", "other.zip", "nowhere.zip", "."):
        assert verify.main([str(tmp_path / name)]) == 2
        said = capsys.readouterr()
        assert said.err.startswith("error: ")
        assert not said.out


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil", "a/../../evil", "C:\\evil", "a\x1b[2J.txt", "./b"]
)
def test_dangerous_names_are_refused(name: str, dossier: Dossier, told: Told) -> None:
    code, text = told(dossier.having(name, b"evil"))
    assert code == 2
    assert "dangerous name" in text


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(
    dossier: Dossier, tmp_path: Path, capsys: Capture
) -> None:
    buffer = io.BytesIO(dossier.packed())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("README.txt", "another")
    (tmp_path / "twice.zip").write_bytes(buffer.getvalue())
    assert verify.main([str(tmp_path / "twice.zip")]) == 2
    assert "several files of one name" in capsys.readouterr().err


def test_a_zip_bomb_is_refused_unread(dossier: Dossier, told: Told) -> None:
    code, text = told(dossier.having("report/zeros", bytes(1 << 28)))
    assert code == 2
    assert "far more than its size" in text


def test_a_ledger_that_is_a_bomb_is_cut_short(dossier: Dossier, signer: Signer, told: Told) -> None:
    def pad(rows: Rows) -> None:
        rows += [{**rows[0], "padding": " " * 1000}] * 60_000

    code, text = told(dossier.having_rows("losses", pad).indexed())
    assert code == 1
    assert "ledgers/losses.jsonl.gz unpacks to far more than its size" in text


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b'"x"', b"{}", b"null", b"[" * 100_000])
@pytest.mark.parametrize("name", [verify.INDEX, verify.SIGNED, "report/results.json"])
def test_content_of_another_form_is_told_not_thrown(
    name: str, content: bytes, dossier: Dossier, signer: Signer, told: Told
) -> None:
    new = dossier.having(name, content)
    code, text = told(new.signed(signer) if name.startswith("report") else new)
    assert code == 1
    assert "FAILS" in text


def test_hostile_words_do_not_reach_the_terminal(
    dossier: Dossier, signer: Signer, told: Told
) -> None:
    def paint(results: list[dict[str, Any]]) -> None:
        results[0]["recipe"] = "\x1b[2J\u202eevil\r"

    code, text = told(dossier.having_json("report/results.json", paint).signed(signer))
    assert code == 1
    assert "[U+001B][2J[U+202E]evil" in text
