"""A package index on this machine that a program takes for the one it asks by name.

It is the proxy that the program is told of, and answers `/pypi/NAME/VERSION/json` itself, under a
certificate for whatever host was asked for.
"""

import datetime
import json
import re
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Known = Mapping[str, Sequence[Mapping[str, Any]]]
"""Requirement (`name==1.0`) → its vulnerabilities."""


@dataclass
class Index:
    """What it knows, and what it was asked."""

    folder: Path
    known: Known
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> "Index":
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.authority = self.folder / "authority.pem"
        self._issuer = _certificate("index of a test", self._key, self._key, None)
        self.authority.write_bytes(self._issuer.public_bytes(serialization.Encoding.PEM))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What lets a program ask here."""
        proxy = f"http://127.0.0.1:{self._server.server_port}"
        return {"HTTPS_PROXY": proxy, "NO_PROXY": "", "REQUESTS_CA_BUNDLE": str(self.authority)}

    def context(self, host: str) -> ssl.SSLContext:
        """Under the certificate of a host."""
        key = ec.generate_private_key(ec.SECP256R1())
        file = self.folder / f"{host}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        own = _certificate(host, key, self._key, self._issuer)
        file.write_bytes(secret + own.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def answer(self, path: str) -> bytes | None:
        """The JSON of a release; None where there is none."""
        found = re.fullmatch("/pypi/([^/]+)/([^/]+)/json", path)
        requirement = f"{found[1]}=={found[2]}" if found else path
        self.asked.append(requirement)
        if requirement not in self.known:
            return None
        return json.dumps({"vulnerabilities": self.known[requirement]}).encode()


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _handler(index: Index) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            context = index.context(self.path.rsplit(":", 1)[0])
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", 0)
            self.close_connection = False

        def do_GET(self) -> None:
            body = index.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """In silence."""

    return Handler
