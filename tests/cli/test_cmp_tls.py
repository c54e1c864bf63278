"""The TLS options, against a small TLS server on the loopback that answers rr."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import cmpcodec
from cmpcodec.cmp import PKIBody, PKIHeader, PKIMessage, PKIStatus, PKIStatusInfo, RevRepContent
from cmpcodec.messages import NULL_DN
from tests.cli.conftest import Result, Run

PHRASE = b"open"


class Identity:
    """A key and a certificate in files."""

    def __init__(self, folder: Path, name: str, issuer: Identity | None = None, ca: bool = False) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = issuer or self
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(signer.name, self.name, self.key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        names = [x509.DNSName("cmp.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(signer.key, hashes.SHA256())
        self.certificate = folder / f"{name}.crt"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.private = folder / f"{name}.key"
        plain = serialization.NoEncryption()
        pkcs8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
        self.private.write_bytes(self.key.private_bytes(*pkcs8, plain))
        self.locked = folder / f"{name}.locked"
        self.locked.write_bytes(self.key.private_bytes(*pkcs8, serialization.BestAvailableEncryption(PHRASE)))


class Server:
    """Answers each connection's rr with rp, by TLS; remembers who the clients were."""

    def __init__(self, identity: Identity, clients: Path | None = None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.private)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.clients: list[str] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            plain.settimeout(60)
            with plain, suppress(OSError):
                if plain.recv(1, socket.MSG_PEEK):
                    with self._context.wrap_socket(plain, server_side=True) as connection:
                        self._answer(connection)

    def _answer(self, connection: ssl.SSLSocket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536) or b"\r\n\r\n"
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(body) < length:
            body += connection.recv(65536)
        peer = connection.getpeercert() or {}
        self.clients.append(str(peer.get("subject", "")))
        request = cmpcodec.decode(body).header
        header = PKIHeader(
            pvno=2,
            sender=NULL_DN,
            recipient=NULL_DN,
            transaction_id=request.transaction_id,
            sender_nonce=os.urandom(16),
            recip_nonce=request.sender_nonce,
        )
        info = PKIStatusInfo(status=PKIStatus.ACCEPTED)
        answer = PKIMessage(header=header, body=PKIBody(rp=RevRepContent(status=[info])))
        answer = cmpcodec.protect(answer, cmpcodec.PasswordBasedMAC(b"s"))
        fields = f"Content-Type: application/pkixcmp\r\nContent-Length: {len(answer.der)}\r\nConnection: close\r\n\r\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + fields.encode() + answer.der)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def identities(folder: Path) -> dict[str, Identity]:
    root = Identity(folder, "root", ca=True)
    sub = Identity(folder, "sub", root, ca=True)
    other = Identity(folder, "other", ca=True)
    return {
        "root": root,
        "sub": sub,
        "other": other,
        "server": Identity(folder, "server", root),
        "client": Identity(folder, "client", sub),
    }


@pytest.fixture
def server(identities: dict[str, Identity]) -> Iterator[Server]:
    server = Server(identities["server"])
    yield server
    server.close()


@pytest.fixture
def asking(identities: dict[str, Identity]) -> Iterator[Server]:
    """A server that wants to know who the client is."""
    server = Server(identities["server"], identities["root"].certificate)
    yield server
    server.close()


def revoke(run: Run, folder: Path, server: str, *more: str) -> Result:
    common = ["-config", "", "-cmd", "rr", "-oldcert", str(folder / "client.crt"), "-secret", "pass:s"]
    return run("cmp", *common, "-server", server, "-verbosity", "7", "-no_proxy", "*", *more)


def test_trusted(run: Run, folder: Path, server: Server) -> None:
    trusted = ("-tls_trusted", f"{folder / 'other.crt'},{folder / 'root.crt'}")
    result = revoke(run, folder, f"https://127.0.0.1:{server.port}", *trusted)
    assert result.code == 0, result.err
    assert f"CMP DEBUG: connecting to CMP server 127.0.0.1:{server.port} using TLS\n" in result.err
    assert revoke(run, folder, f"127.0.0.1:{server.port}", "-tls_used", *trusted).code == 0
    assert revoke(run, folder, f"127.0.0.1:{server.port}", "-tls_used", *trusted, "-tls_host", "cmp.example").code == 0
    assert len(server.clients) == 3


def test_not_trusted(run: Run, folder: Path, server: Server) -> None:
    url = f"https://127.0.0.1:{server.port}"
    for arguments, words in (
        ((), "its certificate does not verify: "),
        (("-tls_trusted", str(folder / "other.crt")), "its certificate does not verify: "),
        (("-tls_trusted", str(folder / "root.crt"), "-tls_host", "other.example"), "its certificate does not verify: "),
    ):
        result = revoke(run, folder, url, *arguments)
        assert result.code == 1
        assert words in result.err
    assert "-tls_trusted" in revoke(run, folder, url).err
    assert server.clients == []


def test_client_certificate(run: Run, folder: Path, asking: Server) -> None:
    url = f"https://127.0.0.1:{asking.port}"
    trusted = ("-tls_trusted", str(folder / "root.crt"))
    chain = ("-tls_cert", str(folder / "client.crt"), "-tls_extra", str(folder / "sub.crt"))
    assert revoke(run, folder, url, *trusted).code == 1
    assert revoke(run, folder, url, *trusted, *chain[:2], "-tls_key", str(folder / "client.key")).code == 1
    assert asking.clients == []
    result = revoke(run, folder, url, *trusted, *chain, "-tls_key", str(folder / "client.key"))
    assert result.code == 0, result.err
    locked = ("-tls_key", str(folder / "client.locked"))
    assert revoke(run, folder, url, *trusted, *chain, *locked, "-tls_keypass", "pass:open").code == 0
    assert ["client" in one for one in asking.clients] == [True, True]
    result = revoke(run, folder, url, *trusted, *chain, *locked, "-tls_keypass", "pass:shut")
    assert result.code == 1
    assert "CMP error: -tls_key: " in result.err
    result = revoke(run, folder, url, *trusted, *chain, *locked, "-batch")
    assert result.err.endswith("client.locked is encrypted; name its pass phrase by -tls_keypass\n")
    result = revoke(run, folder, url, *trusted, *chain, "-tls_key", str(folder / "server.key"))
    assert (
        f"-tls_key: {folder / 'server.key'} cannot be used with {folder / 'client.crt'}: key values mismatch"
        in result.err
    )


def test_options_without_tls(run: Run, folder: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = revoke(run, folder, f"127.0.0.1:{unused.getsockname()[1]}", "-tls_host", "x")
    assert "CMP warning: ignoring TLS option(s) since -tls_used is not active\n" in result.err
