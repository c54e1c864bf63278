"""The session that CZERTAINLY's guide to `openssl cmp` documents: its commands, its log lines in their order.

Once with OpenSSL's client and once with ours; over HTTP, and over HTTPS as the guide's output has it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import cmpcodec as cmp
from cmpcodec.authority import create_ca
from tests.openssl import needs_openssl

from .support import OPENSSL, OURS, Served, in_order, run

pytestmark = needs_openssl

CONFIGURATION = """\
[ init ]
# -verbosity level
verbosity = 8

# -server [http[s]://][userinfo@]host[:port][/path][?query][#fragment]
server = {server}
# -path remote_path
path = api/v1/protocols/cmp/raProfile/czertainly
{trusted}

# Other configuration options that might be applicable
#   srvcert =

[ cmp_ir_mac ]

# -newkey filename|uri
newkey = cmp_key.pem

# -certout filename
certout = cmp_cert.pem

# -subject name
subject = "/CN=cmp-certificate"

# Other configuration options that might be applicable
#   recipient =
#   issuer =
"""

IR = "-cmd ir -config openssl.conf -section init,cmp_ir_mac -secret pass:mySecret"
KUR = (
    "-cmd kur -config openssl.conf -section init,cmp_ir_mac -secret pass:mySecret"
    " -oldcert cmp_cert.pem -newkey cmp_new_key.pem -certout cmp_new_cert.pem"
)
RR = "-cmd rr -config openssl.conf -section init,cmp_ir_mac -secret pass:mySecret -oldcert cmp_cert.pem -revreason 1"

CLIENTS = pytest.mark.parametrize("client", [OPENSSL, OURS], ids=["openssl", "ours"])


def beginning(server: str, tls: bool) -> list[str]:
    scheme = "https" if tls else "http"
    return [
        r"CMP info: using section\(s\) 'init,cmp_ir_mac' of OpenSSL configuration file 'openssl.conf'$",
        rf"CMP info: will contact {scheme}://{re.escape(server)}/api/v1/protocols/cmp/raProfile/czertainly ?$",
        r"CMP DEBUG: Starting new transaction with ID=([0-9A-F]{2}:){15}[0-9A-F]{2}$",
    ]


def enrolling(server: str, request: str, answer: str, file: str, tls: bool, exactly: bool) -> list[str]:
    """The guide's lines for ir and kur. OpenSSL 3.0 spells two of them a little differently."""
    return [
        *beginning(server, tls),
        rf"CMP info: sending {request}$",
        rf"CMP DEBUG: connecting to CMP server {re.escape(server)}{' using TLS' if tls else ''}$",
        r"CMP DEBUG: finished reading response from CMP server$",
        rf"CMP info: received {answer}$",
        r"CMP DEBUG: validating CMP message$",
        r"CMP DEBUG: successfully validated PBM-based CMP message protection$",
        r"CMP DEBUG: trying to build chain for newly enrolled cert$",
        r"CMP DEBUG: success building approximate chain for newly enrolled cert$",
        r"CMP info: sending CERTCONF$",
        r"CMP DEBUG: disconnected from CMP server$",
        r"CMP DEBUG: finished reading response from CMP server$",
        r"CMP info: received PKICONF$",
        r"CMP DEBUG: validating CMP message$",
        r"CMP DEBUG: successfully validated PBM-based CMP message protection$",
        rf"CMP info: received 1 {'newly' if exactly else '(newly )?'} ?enrolled certificate\(s\), saving to file '{file}'$",
    ]


def revoking(server: str, tls: bool) -> list[str]:
    scheme = "https" if tls else "http"
    return [
        *beginning(server, tls),
        r"CMP info: sending RR$",
        rf"CMP DEBUG: connecting to CMP server {re.escape(server)}{' using TLS' if tls else ''}$",
        r"CMP DEBUG: disconnected from CMP server$",
        r"CMP DEBUG: finished reading response from CMP server$",
        r"CMP info: received RP$",
        r"CMP DEBUG: validating CMP message$",
        r"CMP DEBUG: successfully validated PBM-based CMP message protection$",
        r"CMP warning: revocation accepted \(PKIStatus=revocationNotification\)$",
        rf"CMP warning: received from ({scheme}://)?{re.escape(server)} PKIStatus: revocation notification - "
        r"a revocation of the cert has occurred; <no failure info>$",
    ]


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def session(client: tuple[str, ...], server: Served, folder: Path, tls: bool = False) -> None:
    """The guide, from top to bottom."""
    host = f"{'localhost' if tls else '127.0.0.1'}:{server.port}"
    exactly = client is OURS
    (folder / "openssl.conf").write_text(
        CONFIGURATION.format(
            server=f"https://{host}" if tls else host, trusted="tls_used = 1\ntls_trusted = tls.pem" if tls else ""
        )
    )
    run("openssl genrsa -out cmp_key.pem 2048", folder)
    output = run([*client, *IR.split()], folder)
    in_order(enrolling(host, "IR", "IP", "cmp_cert.pem", tls, exactly), output)
    run("openssl genrsa -out cmp_new_key.pem 2048", folder)
    output = run([*client, *KUR.split()], folder)
    in_order(enrolling(host, "KUR", "KUP", "cmp_new_cert.pem", tls, exactly), output)
    output = run([*client, *RR.split()], folder)
    in_order(revoking(host, tls), output)


@CLIENTS
def test_http(client: tuple[str, ...], tmp_path: Path) -> None:
    with Served(tmp_path / "server") as server:
        session(client, server, tmp_path)
        (tmp_path / "cmp.crl").write_bytes(server.crl())
        log = server.log()

    old, new = certificate(tmp_path / "cmp_cert.pem"), certificate(tmp_path / "cmp_new_cert.pem")
    for one, key in ((old, "cmp_key.pem"), (new, "cmp_new_key.pem")):
        assert one.subject.rfc4514_string() == "CN=cmp-certificate"
        private = serialization.load_pem_private_key((tmp_path / key).read_bytes(), None)
        assert one.public_key() == private.public_key()

    crl = x509.load_der_x509_crl((tmp_path / "cmp.crl").read_bytes())
    entry = crl.get_revoked_certificate_by_serial_number(old.serial_number)
    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert crl.get_revoked_certificate_by_serial_number(new.serial_number) is None

    ca = tmp_path / "server/cmpcodec-data/ca.pem"  # the key is in there too: openssl skips it
    run(["openssl", "crl", "-inform", "DER", "-in", "cmp.crl", "-out", "crl.pem", "-CAfile", str(ca)], tmp_path)
    verify = ["openssl", "verify", "-CAfile", str(ca), "-CRLfile", "crl.pem", "-crl_check"]
    assert "cmp_new_cert.pem: OK" in run([*verify, "cmp_new_cert.pem"], tmp_path)
    assert "certificate revoked" in run([*verify, "cmp_cert.pem"], tmp_path, code=2)

    assert "mySecret" not in log
    for words in (
        "ir answered with ip",
        "cert_conf answered with pkiconf",
        "kur answered with kup",
        "rr answered with rp",
    ):
        assert words in log


@CLIENTS
def test_https(client: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    make_tls(folder)
    (tmp_path / "tls.pem").write_bytes((folder / "tls.pem").read_bytes())
    (folder / "cmpcodec.toml").write_text(
        """
        [server]
        tls_certificate = "tls.pem"
        tls_key = "tls.key"
        [authority.ca]
        create = true
        algorithm = "rsa-2048"
        [profile.czertainly]
        secret = "pass:mySecret"
        revocation_status = "notification"
        """
    )
    with Served(folder, ("--config", "cmpcodec.toml")) as server:
        session(client, server, tmp_path, tls=True)


def make_tls(folder: Path) -> None:
    """A certificate for localhost that is its own authority."""
    from datetime import UTC, datetime, timedelta

    key, _ = create_ca("CN=nobody")
    name = x509.Name.from_rfc4514_string("CN=localhost")
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_what_serve_prints(tmp_path: Path) -> None:
    """The commands that it offers work as they stand; the secret is not shown, and no file of it is for others."""
    folder = tmp_path / "a folder"
    with Served(folder, ()) as server:
        commands = [line.strip() for line in server.said if line.startswith("  ")]
        assert len(commands) == 7
        secret = (folder / "cmpcodec-data/secret").read_text().strip()
        assert not any(secret in line for line in server.said)  # it goes into a pipe, which may lead to a journal
        for command in commands:
            if not command.startswith("curl "):
                run(command, folder)
            else:
                (folder / "cmp.crl").write_bytes(server.crl())
        text = run("openssl crl -in cmp.crl -noout -text", folder)
        assert "Key Compromise" in text
        serial = certificate(folder / "cmp_cert.pem").serial_number
        shown = {int(one, 16) for one in re.findall(r"Serial Number: ([0-9A-F]+)", text)}
        assert serial in shown
    for file in (folder / "cmpcodec-data").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
    with Served(folder, ()) as server:  # the same CA and secret, without showing it
        assert not any(secret in line for line in server.said)
        run(
            next(line.strip() for line in server.said if " kur " in line).replace("cmp_cert.pem", "cmp_new_cert.pem"),
            folder,
        )


def test_messages_are_decodable(tmp_path: Path) -> None:
    """What both sides sent, as OpenSSL saved it, is what our codec reads, and `decode --secret` confirms."""
    with Served(tmp_path / "server") as server:
        run("openssl genrsa -out cmp_key.pem 2048", tmp_path)
        (tmp_path / "openssl.conf").write_text(CONFIGURATION.format(server=f"127.0.0.1:{server.port}", trusted=""))
        run([*OPENSSL, *IR.split(), "-reqout", "1.der,2.der", "-rspout", "3.der,4.der"], tmp_path)
    names = [cmp.decode((tmp_path / f"{number}.der").read_bytes()).body.name for number in (1, 2, 3, 4)]
    assert names == ["ir", "cert_conf", "ip", "pkiconf"]
    for number in (1, 2, 3, 4):
        shown = run(
            [OURS[0], "-m", "cmpcodec", "decode", "--color", "never", "--secret", "pass:mySecret", f"{number}.der"],
            tmp_path,
        )
        assert "MAC: valid" in shown
