"""A server with a profile for each case that openssl or a bare client may try, and what tests ask of it."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from .support import OPENSSL, Served, run

CONFIGURATION = """
[server.limits]
sweep = 0.2

[authority.ec]
create = true
subject = "CN=EC CA"
[authority.rsa]
create = true
algorithm = "rsa-2048"
subject = "CN=RSA CA"

[profile.czertainly]
authority = "ec"
secret = "pass:mySecret"

[profile.rsa]
authority = "rsa"
secret = "pass:secretOf-rsa"
extra_certs = true

[profile.several]
authority = "ec"
secrets = { "device-1" = "pass:severalFirst", "device-2" = "pass:severalSecond" }

[profile.open]
authority = "ec"
secret = "pass:secretOf-open"
secrets = { "device-1" = "pass:openFirst" }
unprotected_errors = true

[profile.strict]
authority = "ec"
strict = true
secrets = { "device-1" = "pass:strictFirst" }

[profile.slow]
authority = "ec"
secret = "pass:secretOf-slow"
[profile.slow.delay]
time = 1
which = ["issue"]
reason = "somebody has to look at it"

[profile.hasty]
authority = "ec"
secret = "pass:secretOf-hasty"
confirm_wait = 1
"""
VALIDATED = "successfully validated PBM-based CMP message protection"
IR = ("-cmd", "ir", "-newkey", "ec.pem", "-subject", "/CN=device-1")


def make_keys(folder: Path) -> None:
    run("openssl ecparam -name prime256v1 -genkey -noout -out ec.pem", folder)
    run("openssl genrsa -out rsa.pem 2048", folder)
    for kind in ("ec", "rsa"):
        request = f"openssl req -new -key {kind}.pem -subj /CN=asked-{kind} -addext subjectAltName=DNS:{kind}.example"
        run(f"{request} -out {kind}.csr", folder)


def openssl(
    server: Served,
    folder: Path,
    *arguments: str,
    profile: str = "czertainly",
    secret: str | None = None,
    code: int | None = 0,
) -> str:
    """Run its client against a profile, with that profile's secret; what it says."""
    secret = secret or ("mySecret" if profile == "czertainly" else f"secretOf-{profile}")
    where = ["-server", f"127.0.0.1:{server.port}", "-path", f"api/v1/protocols/cmp/raProfile/{profile}"]
    common = ["-config", "", "-verbosity", "8", "-secret", f"pass:{secret}", "-certout", "new.pem"]
    sender = [] if "-subject" in arguments else ["-subject", "/CN=device-1"]  # it wants to name itself
    return run([*OPENSSL, *where, *common, *sender, *arguments], folder, code)


def issued(folder: Path, file: str = "new.pem") -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / file).read_bytes())


def revoked(server: Served, profile: str = "czertainly") -> dict[int, x509.RevokedCertificate]:
    return {entry.serial_number: entry for entry in x509.load_der_x509_crl(server.crl(profile))}
