"""Mail reaches a real SMTP server: plainly, encrypted, with a password, or with a clear reason."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message as Letter
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from alignment_dagster.refresh.notify import delivery, message, notify
from alignment_dagster.study import Study
from tests.support.notifying_lines import EMAIL, everything_written, failed
from tests.support.notifying_servers import closed_port

Telling = Callable[..., Study]
PASSWORD = "canary-password"


class Box(MessageHandler):
    """Keeps the letters."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Letter] = []

    def handle_message(self, letter: Letter) -> None:
        self.letters.append(letter)


class Refusing(Box):
    """Has no room at the moment, and quotes what it was told."""

    asked = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked += 1
        return f"550 no such user as {PASSWORD}"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.05)
    for name in ("USER", "PASSWORD", "PORT"):
        monkeypatch.delenv(f"ALIGNMENT_SMTP_{name}", raising=False)
    monkeypatch.setenv("ALIGNMENT_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("ALIGNMENT_SMTP_STARTTLS", "no")
    monkeypatch.setenv("ALIGNMENT_SMTP_FROM", "alignment@example.org")


@contextmanager
def post_office(box: Box, **options: Any) -> Iterator[int]:
    port = closed_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def tell(study: Study) -> list[str]:
    checks = ["scored_corpus:scores_in_range"]
    told = message("tiny", "check_failed", "run", asset="scored_corpus", checks=checks)
    return notify(study, [told])


def test_a_mail_says_in_its_subject_what_happened(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box()
    with post_office(box) as port:
        monkeypatch.setenv("ALIGNMENT_SMTP_PORT", str(port))
        assert tell(telling(EMAIL)) == []
        assert tell(telling(EMAIL)) == []
    (letter,) = box.letters
    assert letter["X-RcptTo"] == "a@example.org, b@example.org"
    assert letter["Subject"].startswith("tiny: 1 blocking check(s) did not pass: scored_corpus")
    assert "check:  scored_corpus:scores_in_range" in str(letter.get_payload())
    assert "http://127.0.0.1:3000/assets/tiny/scored_corpus" in str(letter.get_payload())


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "certificate.pem"
    path.write_bytes(signed.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path, folder / "key.pem")
    return path, context


def accept(_server: SMTP, _s: Session, _e: Envelope, _method: str, given: object) -> AuthResult:
    known = LoginPassword(b"user", PASSWORD.encode())
    return AuthResult(success=given == known)


def test_a_password_goes_over_an_encrypted_connection_only(
    telling: Telling, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, context = certificate(tmp_path)
    box = Box()
    monkeypatch.setenv("ALIGNMENT_SMTP_STARTTLS", "yes")
    monkeypatch.setenv("ALIGNMENT_SMTP_USER", "user")
    monkeypatch.setenv("ALIGNMENT_SMTP_PASSWORD", PASSWORD)
    options = {"tls_context": context, "require_starttls": True, "authenticator": accept}
    with post_office(box, auth_required=True, **options) as port:
        monkeypatch.setenv("ALIGNMENT_SMTP_PORT", str(port))
        (said,) = tell(telling({**EMAIL, "to": ["a@example.org"]}))
        assert said.endswith("no encrypted connection"), "the certificate is nobody's"
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        assert tell(telling(EMAIL)) == []
    assert len(box.letters) == 1
    assert PASSWORD.encode() not in everything_written(home)


def test_a_password_is_not_sent_to_another_machine_unencrypted(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGNMENT_SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("ALIGNMENT_SMTP_USER", "user")
    (said,) = tell(telling(EMAIL))
    assert said.endswith("the password would be sent unencrypted")


def test_what_the_server_says_is_not_repeated(
    telling: Telling, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Refusing()
    with post_office(box) as port:
        monkeypatch.setenv("ALIGNMENT_SMTP_PORT", str(port))
        (said,) = tell(telling(EMAIL))
    assert said.endswith("the server takes no mail for these addresses")
    assert box.asked == 2
    assert PASSWORD.encode() not in everything_written(home)


def test_a_server_that_is_down_is_tried_again_and_then_recorded(
    telling: Telling, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGNMENT_SMTP_PORT", str(closed_port()))
    (said,) = tell(telling(EMAIL))
    assert said.endswith("ConnectionRefusedError")
    assert [line["channel"] for line in failed(home)] == ["email a@example.org, b@example.org"]
