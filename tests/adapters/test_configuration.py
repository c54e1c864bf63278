"""The configuration file: what it gives, and how it says what is wrong with it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from cmpcodec import oids
from cmpcodec.adapters import settings
from cmpcodec.adapters.configuration import load, standard
from cmpcodec.adapters.settings import ConfigurationError
from cmpcodec.cmp import PKIStatus
from cmpcodec.pkix import KeyUsage

COMPLETE = """\
data = "kept"
[server]
host = "::1"
port = 0
tls_certificate = "tls.pem"
tls_key = "tls.key"
tls_passphrase = "pass:canary-passphrase"
aliases = { "/pkix/" = "devices" }
default_profile = "devices"
max_message = 100_000
metrics = false
[server.limits]
header = "5s"
connections = 100
connections_per_address = 7
[log]
style = "json"
level = "warning"
[store]
path = "elsewhere.sqlite"
[authority.issuing]
create = true
subject = "CN=Device CA,O=Example"
algorithm = "rsa-3072"
passphrase = "file:passphrase"
[authority.old]
key = "old.key"
certificate = "old.pem"
[profile.devices]
authority = "issuing"
secret = "env:CMPCODEC_TEST_SECRET"
secrets = { "device-1" = "pass:canary-one", "hex:00ff" = "file:two" }
bodies = ["ir", "p10cr", "certConf"]
strict = true
message_time_window = false
implicit_confirm = false
revocation_status = "notification"
confirm_wait = "90s"
[profile.devices.signatures]
own = true
trusted = ["a.pem", "b.pem"]
registration_authorities = ["ra.pem"]
untrusted = ["between.pem"]
key = "signer.pem"
passphrase = "pass:canary-signer"
[profile.devices.protection]
min_iterations = 500
macs = ["sha256"]
[profile.devices.limits]
max_size = 50_000
[profile.devices.certificates]
validity = "90d"
key_usage = ["digitalSignature", "keyAgreement"]
extended_key_usage = ["id-kp-clientAuth", "1.3.6.1.5.5.7.3.17"]
keys = ["ec-p256"]
crl_url = "http://crl.example/crl"
[profile.devices.delay]
time = 3
which = ["issue"]
reason = "an officer has to look at it"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMPCODEC_TEST_SECRET", "canary-env")
    (tmp_path / "passphrase").write_text("canary-file\nsecond line\n")
    (tmp_path / "two").write_bytes(b"canary-two")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    file = folder / "cmpcodec.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_everything(folder: Path) -> None:
    found = load(written(folder, COMPLETE))
    assert (found.data, found.store) == (folder / "kept", folder / "elsewhere.sqlite")
    assert (found.log_style, found.log_level) == ("json", "WARNING")
    server = found.server
    assert (server.host, server.port, server.max_message, server.metrics) == ("::1", 0, 100_000, False)
    assert (server.tls_certificate, server.tls_passphrase) == (folder / "tls.pem", b"canary-passphrase")
    assert (server.aliases, server.default_profile) == ({"/pkix/": "devices"}, "devices")
    assert (found.limits.header, found.limits.connections, found.limits.connections_per_address) == (5.0, 100, 7)
    ca = found.authorities["issuing"]
    assert (ca.key, ca.certificate) == (folder / "kept/issuing.pem", None)
    assert (ca.create, ca.subject, ca.algorithm) == (True, "CN=Device CA,O=Example", "rsa-3072")
    assert ca.passphrase == b"canary-file"
    profile = found.profiles["devices"]
    assert profile.authority == "issuing"
    assert profile.default_secret == b"canary-env"
    assert profile.secrets == {b"device-1": b"canary-one", b"\x00\xff": b"canary-two"}
    signatures = profile.signatures
    assert signatures is not None
    assert (signatures.own, signatures.trusted) == (True, (folder / "a.pem", folder / "b.pem"))
    assert (signatures.registration_authorities, signatures.untrusted) == (
        (folder / "ra.pem",),
        (folder / "between.pem",),
    )
    assert (signatures.key, signatures.passphrase) == (folder / "signer.pem", b"canary-signer")
    values = profile.values
    assert values["bodies"] == {"ir", "p10cr", "cert_conf"}
    assert values["strict"] is True
    assert values["message_time_window"] is None
    assert values["confirm_wait"] == timedelta(seconds=90)
    assert values["revocation_status"] is PKIStatus.REVOCATION_NOTIFICATION
    assert (values["policy"].min_iterations, values["policy"].macs) == (500, {"sha256"})
    assert values["limits"].max_size == 50_000
    rules = profile.rules
    assert rules.validity == timedelta(days=90)
    assert rules.key_usage == KeyUsage.DIGITAL_SIGNATURE | KeyUsage.KEY_AGREEMENT
    assert rules.extended_key_usage == (oids.ID_KP_CLIENT_AUTH, "1.3.6.1.5.5.7.3.17")
    assert b"http://crl.example/crl" in rules.added[0].extn_value
    assert (profile.delay, profile.delayed) == (3.0, {"issue"})
    assert profile.delay_reason == "an officer has to look at it"
    assert "canary" not in repr(found)


def test_least(folder: Path) -> None:
    found = load(written(folder, '[authority.ca]\n[profile.a]\nsecret = "pass:x"\n'))
    assert found.profiles["a"].authority == "ca"
    assert found.authorities["ca"].key == folder / "cmpcodec-data/ca.pem"
    assert found.store == folder / "cmpcodec-data/cmp.sqlite"
    assert load(written(folder, '[store]\nkind="memory"\n[authority.ca]\n[profile.a]\nsecret="pass:x"')).store is None
    made = standard(folder, b"canary")
    assert made.profiles["czertainly"].values["revocation_status"] is PKIStatus.REVOCATION_NOTIFICATION
    assert "canary" not in repr(made)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("port = 0", "prot = 0", "[server] prot is no setting; is it 'port'?"),
        ("port = 0", "port = 70000", "[server] port takes a port from 0"),
        ("port = 0", "port = true", "[server] port takes a whole number"),
        ('data = "kept"', "data = 5", "data takes a text in quotation marks"),
        ('data = "kept"', 'date = "kept"', "date is no setting; is it 'data'?"),
        ('header = "5s"', 'header = "5x"', "[server.limits] header takes a duration"),
        ('header = "5s"', "header = 0", "[server.limits]: header must be more than 0"),
        ('tls_key = "tls.key"', "", "tls_certificate and tls_key together"),
        ("create = true", 'create = true\ncertificate = "a"', "takes either create or certificate"),
        ('"/pkix/" = "devices"', '"/pkix/" = "others"', "there is no table [profile.others]"),
        ('default_profile = "devices"', 'default_profile = "none"', "there is no table [profile.none]"),
        ('style = "json"', 'style = "xml"', "[log] style takes one of keyvalue, json"),
        ('"env:CMPCODEC_TEST_SECRET"', '"env:CMPCODEC_NOT_SET"', "[profile.devices] secret env: names a variable that"),
        ('"env:CMPCODEC_TEST_SECRET"', '"canary-typed"', "[profile.devices] secret takes pass:SECRET"),
        ('"file:two"', '"file:three"', "secrets 'hex:00ff': cannot be read"),
        ('"hex:00ff"', '"hex:0"', "secrets 'hex:0' is no senderKID"),
        ('"hex:00ff"', '""', "secrets has an empty senderKID"),
        ('"pass:canary-one"', '"pass:"', "secrets 'device-1': is empty"),
        ('["ir",', '["irr",', "[profile.devices] bodies does not take 'irr', only"),
        ("strict = true", 'strict = "yes"', "[profile.devices] strict takes true or false"),
        ("strict = true", 'name = "other"', "[profile.devices] name is given by the name of the table"),
        ('confirm_wait = "90s"', "confirm_wait = -1", "[profile.devices] confirm_wait takes a duration"),
        ('validity = "90d"', 'validity = "9000d"', "[profile.devices.certificates]: validity is longer"),
        ('"id-kp-clientAuth"', '"clientAuth"', "neither a known name nor a dotted OBJECT IDENTIFIER"),
        ('"digitalSignature"', '"keyCertSign"', "[profile.devices.certificates] key_usage does not take 'keyCertSign'"),
        ("min_iterations = 500", 'min_iterations = "500"', "[profile.devices.protection] min_iterations takes a whole"),
        ('macs = ["sha256"]', 'mac = ["sha256"]', "[profile.devices.protection] mac is no setting; is it 'macs'?"),
        ('authority = "issuing"', "", "[profile.devices] authority is missing"),
        ('authority = "issuing"', 'authority = "no"', "[profile.devices] authority names 'no', and there is no table"),
        ("[profile.devices.delay]", "[profile.devices.dealy]", "dealy is no setting; is it 'delay'?"),
        ("[profile.devices.delay]", "[profile.second]\nauthority = 'old'\n[profile.devices.delay]", "[profile.second] secret is missing"),
        ("[profile.devices.delay]", "crl_validity = '19m'\n[profile.devices.delay]", "crl_renew_before is more than half"),
        (
            "[profile.devices.delay]",
            "[profile.second]\nauthority = 'old'\nsecret = 'pass:canary-env'\n[profile.devices.delay]",
            "'devices' and 'second' have the same secret",
        ),
        ("[log]", "log = 5\n[other]", "not TOML"),
        ("[log]", "[log", "not TOML"),
    ],
)  # fmt: skip
def test_mistakes(folder: Path, old: str, new: str, says: str) -> None:
    assert old in COMPLETE
    file = written(folder, COMPLETE.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    if says != "not TOML" or new == "[log":
        assert says in str(caught.value)
    assert str(caught.value).startswith(str(file))
    assert "canary" not in str(caught.value).replace(str(folder), "")


def test_not_utf8(folder: Path) -> None:
    file = folder / "bad.toml"
    file.write_bytes(b'data = "\xff"')
    with pytest.raises(ConfigurationError, match="not TOML"):
        load(file)
    with pytest.raises(FileNotFoundError):
        load(folder / "absent.toml")


def test_docs_name_every_setting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/server.md describes each setting that the reader asks for, and no other."""
    asked: set[str] = set()
    close = settings.Table.close

    def closed(table: settings.Table) -> None:
        asked.update(table._known)
        close(table)

    monkeypatch.setattr(settings.Table, "close", closed)
    load(written(folder, COMPLETE))
    tables = {"server", "log", "store", "profile", "protection", "limits", "certificates", "delay"}
    given_by_the_table = {"name", "issuing", "old", "devices"}
    text = (Path(__file__).parents[2] / "docs/server.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"\w+", row)}
    assert described == asked - tables - given_by_the_table
