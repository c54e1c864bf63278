"""What a client asks for: each argument of the flows, where defaults come from, and that nothing else is in the request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding

import cmpcodec as cmp
from cmpcodec import errors, oids
from cmpcodec.client import ProofMethod, Settings, enroll, request_pkcs10, update_key
from cmpcodec.client.certificates import build_chain, facts, same_key
from cmpcodec.client.reading import as_name, printable
from cmpcodec.pop import verify_request
from tests.client.peer import CA, CA_KEY, KEY, NOW, OLD, OTHER_KEY, ROOT, ROOT_KEY, certify, shared, x509_name

DNS = cmp.GeneralName(dns_name="one.example")


def first(flow: Any) -> cmp.PKIMessage:
    message = next(flow)
    flow.close()
    return cmp.decode(message.der)


def ask(**given: Any) -> cmp.PKIMessage:
    given = {"credential": shared(), "key": KEY, "settings": Settings(clock=lambda: NOW)} | given
    return first(enroll(**given))


def update(**given: Any) -> cmp.PKIMessage:
    given = {"credential": shared(), "key": KEY, "settings": Settings(clock=lambda: NOW)} | given
    return first(update_key(given.pop("old", OLD), **given))


def template(message: cmp.PKIMessage) -> cmp.CertTemplate:
    [request] = message.body.value
    return request.cert_req.cert_template


def extensions(message: cmp.PKIMessage) -> dict[str, cmp.Extension]:
    return {one.extn_id: one for one in template(message).extensions or ()}


def csr(*sans: str, key: Any = KEY) -> cmp.CertificationRequest:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509_name("from-csr"))
    builder = builder.add_attribute(x509.ObjectIdentifier(oids.CHALLENGE_PASSWORD), b"x")
    if sans:
        names = x509.SubjectAlternativeName([x509.DNSName(one) for one in sans])
        builder = builder.add_extension(names, critical=True)
    return cmp.CertificationRequest.decode(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def names(message: cmp.PKIMessage) -> list[str]:
    return [one.dns_name for one in extensions(message)[oids.ID_CE_SUBJECT_ALT_NAME].opened()]


# --- the smallest ---


def test_nothing_but_a_key() -> None:
    message = ask()
    [request] = message.body.ir
    wanted = template(message)
    assert request.cert_req.cert_req_id == 0
    assert request.cert_req.controls is None
    assert [name for name, *_ in cmp.children(wanted)] == ["public_key"]
    verify_request(request)
    header = message.header
    assert header.sender == header.recipient == cmp.GeneralName(directory_name=cmp.Name([]))
    assert message.extra_certs is None


def test_names_of_the_header() -> None:
    message = ask(subject="CN=me", issuer="CN=CA")
    assert message.header.sender.directory_name.rfc4514() == "CN=me"
    assert message.header.recipient.directory_name.rfc4514() == "CN=CA"
    told = Settings(sender="CN=S", recipient=as_name("CN=R"), sender_kid=b"kid", extra_certs=[CA, ROOT])
    message = ask(subject="CN=me", issuer="CN=CA", settings=told, credential=cmp.PasswordBasedMAC(b"x", iterations=100))
    assert message.header.sender.directory_name.rfc4514() == "CN=S"
    assert message.header.recipient.directory_name.rfc4514() == "CN=R"
    assert message.header.sender_kid == b"kid"
    assert list(message.extra_certs) == [CA, ROOT]


def test_general_info_and_transaction_id() -> None:
    profile = cmp.InfoTypeAndValue(info_type=oids.ID_IT_CERT_PROFILE, info_value=cmp.CertProfileValue(["tls"]))
    message = ask(implicit_confirm=True, settings=Settings(general_info=[profile], transaction_id=b"chosen"))
    assert [one.info_type for one in message.header.general_info] == [
        oids.ID_IT_IMPLICIT_CONFIRM,
        oids.ID_IT_CERT_PROFILE,
    ]
    assert message.header.transaction_id == b"chosen"


def test_message_time_is_now_in_utc_to_the_second() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= ask(settings=Settings()).header.message_time <= datetime.now(UTC)


# --- template ---


def test_subject_and_issuer() -> None:
    wanted = template(ask(subject="CN=device-1,O=Example", issuer=as_name("CN=CA")))
    assert wanted.subject.rfc4514() == "CN=device-1,O=Example"
    assert wanted.issuer.rfc4514() == "CN=CA"
    assert template(ask(subject=cmp.Name([]), reference=OLD)).subject is None
    with pytest.raises(ValueError, match="4514"):
        ask(subject="no name")
    with pytest.raises(TypeError, match="Name"):
        ask(subject=b"CN=x")


def test_sans() -> None:
    message = ask(subject="CN=me", sans=[DNS, cmp.GeneralName(ip_address=b"\x7f\0\0\1")])
    extension = extensions(message)[oids.ID_CE_SUBJECT_ALT_NAME]
    assert [one.name for one in extension.opened()] == ["dns_name", "ip_address"]
    assert not extension.critical
    assert extensions(ask(subject="CN=me", sans=[DNS], sans_critical=True))[oids.ID_CE_SUBJECT_ALT_NAME].critical
    assert extensions(ask(sans=[DNS]))[oids.ID_CE_SUBJECT_ALT_NAME].critical, "RFC 5280: without a subject"


def test_days() -> None:
    validity = template(ask(days=30)).validity
    assert validity.not_before.utc_time == NOW
    assert validity.not_after.utc_time == datetime(2026, 12, 23, 12, tzinfo=UTC)
    assert template(ask(days=365 * 40)).validity.not_after.general_time.year == 2066
    for wrong in (-1, 10**7, 10**12):
        with pytest.raises(ValueError, match="days"):
            ask(days=wrong)
    chosen = validity.replace(not_before=None)
    assert template(ask(validity=chosen)).validity == chosen
    with pytest.raises(ValueError, match="exclude"):
        ask(days=1, validity=chosen)


def test_policies() -> None:
    message = ask(policies=["1.2.3.4", "2.5.29.32.0"], policies_critical=True)
    extension = extensions(message)[oids.ID_CE_CERTIFICATE_POLICIES]
    assert extension.critical
    assert extension.extn_value.hex() == "300f300506032a030430060604551d2000"
    with pytest.raises(ValueError, match="dotted decimal"):
        ask(policies=["none"])


def test_other_extensions() -> None:
    usage = cmp.Extension(extn_id=oids.ID_CE_KEY_USAGE, critical=True, extn_value=b"\x03\x02\x07\x80")
    assert extensions(ask(extensions=[usage])) == {oids.ID_CE_KEY_USAGE: usage}


# --- keys and proofs ---


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
        ed448.Ed448PrivateKey.generate(),
    ],
    ids=["ec", "rsa", "ed25519", "ed448"],
)
def test_keys(key: Any) -> None:
    [request] = ask(key=key).body.ir
    assert verify_request(request) == key.public_key()


def test_digest_of_the_proof() -> None:
    [request] = ask(digest="sha512").body.ir
    assert request.popo.signature.algorithm_identifier.algorithm == oids.ECDSA_WITH_SHA512
    with pytest.raises(ValueError, match="digest"):
        ask(digest="md5")


@pytest.mark.parametrize("proof", [ProofMethod.NONE, -1])
def test_no_proof(proof: int) -> None:
    for key in (KEY, KEY.public_key(), template(ask()).public_key):
        [request] = ask(key=key, proof=proof).body.ir
        assert request.popo is None
        assert request.cert_req.cert_template.public_key == template(ask()).public_key


def test_verified_by_the_ra() -> None:
    [request] = ask(key=KEY.public_key(), proof=ProofMethod.RA_VERIFIED).body.ir
    assert request.popo.ra_verified is not None


def test_impossible_proofs() -> None:
    with pytest.raises(errors.LocalProtocolError, match="private key"):
        ask(key=KEY.public_key())
    with pytest.raises(errors.LocalProtocolError, match="no key"):
        ask(key=None)
    with pytest.raises(errors.LocalProtocolError, match="private key"):
        ask(key=None, csr=csr())
    with pytest.raises(errors.LocalProtocolError, match="can sign"):
        ask(key=x25519.X25519PrivateKey.generate())
    for proof in (ProofMethod.ENCRYPTED_CERTIFICATE, ProofMethod.CHALLENGE):
        for wrong in (ed25519.Ed25519PrivateKey.generate(), KEY.public_key(), None):
            with pytest.raises(errors.LocalProtocolError, match="decrypts or agrees"):
                ask(key=wrong, csr=csr(), proof=proof)
    with pytest.raises(errors.LocalProtocolError, match="is the proof"):
        ask(key=KEY, proof=ProofMethod.ENCRYPTED_CERTIFICATE, disable_confirm=True)
    with pytest.raises(TypeError, match="key"):
        ask(key="key")
    with pytest.raises(ValueError, match="ProofMethod"):
        ask(proof=4)
    with pytest.raises(ValueError, match="body"):
        ask(body="kur")


# --- defaults ---


def test_csr_gives_subject_key_and_extensions() -> None:
    message = ask(key=KEY, csr=csr("csr.example"))
    assert template(message).subject.rfc4514() == "CN=from-csr"
    assert names(message) == ["csr.example"]
    assert names(ask(csr=csr("csr.example"), sans=[DNS])) == ["one.example"]
    assert template(ask(csr=csr(), subject="CN=me")).subject.rfc4514() == "CN=me"
    public = template(ask(key=None, csr=csr(key=OTHER_KEY), proof=ProofMethod.NONE)).public_key
    assert same_key(public, facts(OLD).public_key)
    assert template(ask(key=KEY, csr=csr(key=OTHER_KEY))).public_key != public


def test_reference_gives_subject_issuer_and_sans() -> None:
    message = ask(reference=OLD)
    assert (template(message).subject.rfc4514(), template(message).issuer.rfc4514()) == ("CN=device-1", "CN=Issuing")
    assert names(message) == ["device-1.example"]
    assert not extensions(message)[oids.ID_CE_SUBJECT_ALT_NAME].critical
    assert message.header.recipient.directory_name.rfc4514() == "CN=Issuing"
    assert extensions(ask(reference=OLD, default_sans=False)) == {}
    other = ask(reference=OLD, sans=[DNS])
    assert names(other) == ["one.example"]
    assert template(other).subject is None, "as openssl: in ir and cr, SANs stand in for the subject"
    assert template(ask(reference=OLD, issuer=cmp.Name([]))).issuer is None


def test_key_update() -> None:
    message = update()
    [request] = message.body.kur
    [control] = request.cert_req.controls
    assert control.type == oids.ID_REG_CTRL_OLD_CERT_ID
    loaded = OLD.load()
    assert control.value.serial_number == loaded.serial_number
    assert control.value.issuer.directory_name.der == loaded.issuer.public_bytes()
    assert template(message).subject.rfc4514() == "CN=device-1"
    assert names(message) == ["device-1.example"]
    assert template(update(sans=[DNS])).subject.rfc4514() == "CN=device-1"
    assert template(update(subject="CN=new")).subject.rfc4514() == "CN=new"
    assert template(update(csr=csr())).subject.rfc4514() == "CN=from-csr"
    assert message.header.sender.directory_name.rfc4514() == "CN=device-1"
    verify_request(request)
    with pytest.raises(cmp.DecodeError):
        update(old=cmp.Certificate(b"\x30\x00"))


def test_pkcs10() -> None:
    request = csr()
    message = first(request_pkcs10(request, credential=shared()))
    assert message.body.p10cr == request
    assert message.header.sender.directory_name.rfc4514() == "CN=from-csr"
    with pytest.raises(TypeError, match="CertificationRequest"):
        request_pkcs10(request.der, credential=shared())  # type: ignore[arg-type]  # what the test is about


def test_mistakes_show_before_anything_is_sent() -> None:
    """The functions are no generators themselves: they look at their arguments at once."""
    with pytest.raises(errors.LocalProtocolError):
        enroll(credential=shared())


def test_secrets_are_nowhere() -> None:
    flow = enroll(credential=shared(b"canary-7f3a"), key=KEY)
    shown = repr(flow) + repr(next(flow)) + repr(Settings(answers=shared(b"canary-7f3a")))
    assert "canary" not in shown
    flow.close()


# --- certificates ---


@pytest.mark.parametrize("certificate", [OLD, CA, ROOT])
def test_facts(certificate: cmp.Certificate) -> None:
    found, loaded = facts(certificate), certificate.load()
    assert found.serial_number == loaded.serial_number
    assert found.subject.der == loaded.subject.public_bytes()
    assert found.issuer.der == loaded.issuer.public_bytes()
    assert [one.extn_id for one in found.extensions] == [one.oid.dotted_string for one in loaded.extensions]
    assert found.self_issued is (certificate is ROOT)


@pytest.mark.parametrize(
    "der", ["3000", "30023000", "3003020107", "3005300302010a", "0401aa", "300a30083006020101020102"]
)
def test_facts_of_what_is_none(der: str) -> None:
    with pytest.raises(cmp.DecodeError):
        facts(cmp.Certificate(bytes.fromhex(der))) if der[:2] == "30" else cmp.Certificate.decode(bytes.fromhex(der))


def test_chain() -> None:
    leaf = certify("leaf", KEY.public_key(), "Issuing", CA_KEY)
    impostor = certify("Issuing", OTHER_KEY.public_key(), "Root", OTHER_KEY, ca=True)
    assert build_chain(leaf, [ROOT, impostor, CA]) == (CA,)
    assert build_chain(leaf, []) == ()
    assert build_chain(leaf, [impostor]) == ()
    assert build_chain(ROOT, [ROOT]) == ()
    middle_key = OTHER_KEY
    middle = certify("Middle", middle_key.public_key(), "Issuing", CA_KEY, ca=True)
    assert build_chain(certify("leaf", KEY.public_key(), "Middle", middle_key), [CA, ROOT, middle]) == (middle, CA)


def test_chain_that_goes_in_circles() -> None:
    one = certify("A", KEY.public_key(), "B", OTHER_KEY, ca=True)
    two = certify("B", OTHER_KEY.public_key(), "A", KEY, ca=True)
    assert build_chain(certify("leaf", CA_KEY.public_key(), "A", KEY), [one, two]) == (one, two)


def test_cost_of_a_chain_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many candidates that fit by name: so many signatures are verified, and no more."""
    from cmpcodec.client import certificates

    tried = []
    monkeypatch.setattr(certificates, "_signed", lambda *_: tried.append(1))
    same = [certify("Issuing", KEY.public_key(), "Root", ROOT_KEY) for _ in range(100)]
    assert build_chain(OLD, same) == ()
    assert len(tried) == 64


def test_long_chain_is_cut() -> None:
    keys = [KEY, OTHER_KEY]
    many = [certify(f"{n}", keys[n % 2].public_key(), f"{n + 1}", keys[(n + 1) % 2], ca=True) for n in range(20)]
    assert build_chain(many[0], many) == tuple(many[1:11])


def test_same_key_in_other_words() -> None:
    """RSA keys with NULL parameters, and without any."""
    key = rsa.generate_private_key(65537, 1024)
    usual = template(ask(key=key)).public_key
    bare = usual.replace(algorithm=cmp.AlgorithmIdentifier(algorithm=usual.algorithm.algorithm))
    assert same_key(usual, usual)
    assert bare != usual
    assert same_key(usual, bare)
    assert not same_key(usual, facts(OLD).public_key)


def test_printable() -> None:
    assert printable("a\r\n\x1b[0m\x00\u202e\ud7ffé") == r"a\r\n\x1b[0m\x00\u202e\ud7ffé"
    assert len(printable("x" * 10**6)) == 503
