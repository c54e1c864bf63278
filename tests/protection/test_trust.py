"""TrustedSigners: whose signatures are believed, and all the reasons why not. Certificates are those of pki."""

from __future__ import annotations

import itertools
import tracemalloc
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA224
from cryptography.x509.oid import ExtendedKeyUsageOID

import cmpcodec
from cmpcodec import (
    BitString,
    Certificate,
    CMPCertificate,
    InvalidProtection,
    MissingProtection,
    PKIMessage,
    ProtectionPolicy,
    Signer,
    TrustedSigners,
    UnsupportedAlgorithm,
    UntrustedSigner,
    oids,
    verify,
)
from cmpcodec.protection import certificates, paths, trust
from cmpcodec.protection.certificates import Opened
from tests.mutations import tlv
from tests.protection.by_hand import shared
from tests.protection.pki import BARE, CA, DAY, KINDS, NOW, NULL_DN, Owner, ca, key, owner, signed, usage

ROOT = ca("root")
SUB = ca("sub", ROOT)
DEVICE = owner("device", SUB, extensions=((usage("digital_signature"), True),))
MESSAGE = signed(DEVICE, SUB)


def trusting(*anchors: Owner, **options: Any) -> TrustedSigners:
    return TrustedSigners([one.certificate for one in anchors], **options)


def judge(message: PKIMessage = MESSAGE, verifier: TrustedSigners | None = None, **options: Any) -> Signer:
    signer = verify(message, verifier or trusting(ROOT), **({"time": NOW} | options))
    assert signer is not None
    return signer


def untrusted(message: PKIMessage, verifier: TrustedSigners | None = None, **options: Any) -> str:
    with pytest.raises(UntrustedSigner) as caught:
        judge(message, verifier, **options)
    assert caught.value.fail_info == "SIGNER_NOT_TRUSTED"
    return str(caught.value)


class Signatures:
    """Counts the signatures that are computed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of_certificates = self.of_messages = 0
        for module, name in ((certificates, "of_certificates"), (trust, "of_messages")):
            monkeypatch.setattr(module, "verify_with", self._counting(module.verify_with, name))

    def _counting(self, real: Any, name: str) -> Any:
        def counting(*args: Any) -> None:
            setattr(self, name, getattr(self, name) + 1)
            real(*args)

        return counting


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Signatures:
    return Signatures(monkeypatch)


# --- paths that hold ---


def test_a_path_to_an_anchor() -> None:
    assert judge() == (DEVICE.certificate, (SUB.certificate, ROOT.certificate))


def test_an_anchor_need_not_be_self_signed() -> None:
    assert judge(MESSAGE, trusting(SUB)) == (DEVICE.certificate, (SUB.certificate,))


def test_an_anchor_may_sign_itself() -> None:
    alone = owner("alone", extensions=((usage("digital_signature"), True),))
    assert judge(signed(alone), trusting(alone)) == (alone.certificate, ())


def test_untrusted_certificates_help() -> None:
    message = signed(DEVICE)
    assert "no certificate is there of the issuer of 'CN=device'" in untrusted(message)
    assert judge(message, trusting(ROOT, untrusted=[SUB.certificate])).chain == (SUB.certificate, ROOT.certificate)
    nothing = message.replace(extra_certs=None)
    everything = trusting(ROOT, untrusted=[SUB.certificate, DEVICE.certificate])
    assert judge(nothing, everything).certificate == DEVICE.certificate


def test_signers_need_no_path() -> None:
    """What openssl calls -srvcert: the certificate itself is trusted, its issuer is not."""
    verifier = TrustedSigners(signers=[DEVICE.certificate])
    assert judge(MESSAGE, verifier) == (DEVICE.certificate, ())
    assert judge(MESSAGE.replace(extra_certs=None), verifier) == (DEVICE.certificate, ())
    other = owner("other", SUB)
    untrusted(signed(other, SUB), verifier)
    issued = owner("issued", DEVICE)
    untrusted(signed(issued), verifier)
    late = TrustedSigners(signers=[DEVICE.certificate])
    assert "has expired" in untrusted(MESSAGE, late, time=NOW + 2 * DAY)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key(kind: str) -> None:
    root = ca("root of " + kind, kind=kind, number=1)
    device = owner("device of " + kind, root, kind=kind, number=2)
    assert judge(signed(device), trusting(root)).certificate == device.certificate


def test_of_two_cas_of_one_name_the_right_one_is_found() -> None:
    """A root that got a new key: both certificates have one subject; key identifiers may be missing."""
    for kid in (True, False):
        old, new = ca("same", number=1, kid=kid), ca("same", number=2, kid=kid)
        for issuer in (old, new):
            device = owner("device", issuer, authority_key=kid)
            for anchors in ((old, new), (new, old)):
                assert judge(signed(device), trusting(*anchors)).chain == (issuer.certificate,)


def test_cross_certificates() -> None:
    """Only one of two ways up from the issuer ends at the anchor."""
    other = ca("other root")
    cross = ca("sub", other, number=hash("sub"))
    for verifier, issuer, root in ((trusting(ROOT), SUB, ROOT), (trusting(other), cross, other)):
        message = signed(DEVICE, cross, SUB)
        assert judge(message, verifier).chain == (issuer.certificate, root.certificate)


def test_an_old_anchor_without_extensions() -> None:
    """Cryptography writes no version 1, so the version of a certificate without extensions is cut out and signed anew."""
    mine = key("p256", 77)
    old = version_1(owner("v1", own_key=mine, kid=False), mine)
    device = owner("device", Owner(mine, old.load()), authority_key=False)
    assert judge(signed(device), TrustedSigners([old])).chain == (old,)
    fake = owner("fake", kid=False)
    device = owner("device", fake, authority_key=False)
    assert "is not that of a CA" in untrusted(signed(device), trusting(fake))


def version_1(of: Owner, signer: Any) -> Certificate:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    from tests.mutations import parse

    tree = parse(of.certificate.der)
    assert tree is not None
    whole = tree[0].inner
    assert whole is not None
    tbs, algorithm, _ = whole
    assert tbs.inner is not None
    body = tlv(0x30, *(one.encode() for one in tbs.inner if one.tag != b"\xa0"))
    signature = signer.sign(body, ec.ECDSA(SHA256()))
    return Certificate(tlv(0x30, body, algorithm.encode(), tlv(3, b"\0" + signature)))


# --- paths that do not ---


def test_a_stranger() -> None:
    stranger = ca("root", number=99)
    device = owner("device", stranger)
    text = untrusted(signed(device, stranger))
    assert "no certificate is there of the issuer" in text or "was not signed" in text


def test_extra_certs_are_no_anchors() -> None:
    """The root of an attacker, in full, with the names of ours."""
    root = ca("root", number=1)
    sub = ca("sub", root, number=2)
    device = owner("device", sub, number=3, extensions=((usage("digital_signature"), True),))
    for chain in ((sub, root), (root, sub), (sub, root, ROOT, SUB), (SUB, ROOT, sub, root)):
        untrusted(signed(device, *chain))
    alone = owner("root", number=4)
    untrusted(signed(alone))


@pytest.mark.parametrize("which", ["root", "sub", "device"])
@pytest.mark.parametrize(("since", "until", "text"), [(2, 9, "is not valid yet"), (-9, -2, "has expired")])
def test_each_certificate_has_to_be_valid(which: str, since: int, until: int, text: str) -> None:
    times = {"since": NOW + since * DAY, "until": NOW + until * DAY}
    root = ca("root", **(times if which == "root" else {}))
    sub = ca("sub", root, **(times if which == "sub" else {}))
    device = owner("device", sub, **(times if which == "device" else {}))
    assert f"'CN={which}' {text}" in untrusted(signed(device, sub), trusting(root))


def test_validity_includes_both_ends_and_needs_no_luck() -> None:
    """A remembered path holds as long as all its certificates, not longer."""
    verifier = trusting(ROOT)
    second = timedelta(seconds=1)
    for _ in range(2):
        judge(verifier=verifier, time=NOW - DAY)
        judge(verifier=verifier, time=NOW + DAY)
        untrusted(MESSAGE, verifier, time=NOW - DAY - second)
        untrusted(MESSAGE, verifier, time=NOW + DAY + second)
    short = ca("short", ROOT, until=NOW + 2 * second)
    device = owner("device", short)
    for time, holds in ((NOW, True), (NOW + 2 * second, True), (NOW + 3 * second, False)):
        if holds:
            judge(signed(device, short), verifier, time=time)
        else:
            untrusted(signed(device, short), verifier, time=time)


def extended(*extensions: tuple[Any, bool], name: str = "sub") -> PKIMessage:
    """A message over an intermediate certificate with these extensions."""
    sub = owner(name, ROOT, number=5, extensions=extensions)
    return signed(owner("device", sub), sub)


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")


@pytest.mark.parametrize(
    ("extensions", "text"),
    [
        ((), "is not that of a CA"),
        (((x509.BasicConstraints(ca=False, path_length=None), True),), "is not that of a CA"),
        (((CA, True), (usage("digital_signature", "crl_sign"), True)), "may not be used to sign certificates"),
        (((CA, True), (UNKNOWN, True)), "critical extension 1.2.3.4"),
        (((CA, True), (x509.NameConstraints([x509.DNSName("a")], None), True)), "name constraints"),
        (((CA, True), (x509.NameConstraints([x509.DNSName("a")], None), False)), "name constraints"),
        (((CA, True), (x509.PolicyConstraints(0, None), True)), "critical extension 2.5.29.36"),
        (((CA, True), (x509.InhibitAnyPolicy(0), True)), "critical extension 2.5.29.54"),
        (((CA, True),), None),
        (((CA, False), (usage("key_cert_sign"), False)), None),
        (((CA, True), (UNKNOWN, False)), None),
        (((CA, True), (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]), True)), None),
    ],
)  # fmt: skip
def test_what_a_ca_has_to_say(extensions: tuple[Any, ...], text: str | None) -> None:
    if text is None:
        judge(extended(*extensions))
    else:
        assert text in untrusted(extended(*extensions))


def test_unknown_critical_extensions_of_the_signer() -> None:
    device = owner("device", SUB, extensions=((UNKNOWN, True),))
    assert "critical extension 1.2.3.4" in untrusted(signed(device, SUB))
    pinned = TrustedSigners(signers=[device.certificate])
    assert "critical extension 1.2.3.4" in untrusted(signed(device), pinned)


@pytest.mark.parametrize(("length", "holds"), [(None, True), (2, True), (1, True), (0, False)])
def test_path_length(length: int | None, holds: bool) -> None:
    root = ca("root", length=length)
    first = ca("first", root)
    second = ca("first", first, number=6)  # self-issued, so it does not count
    device = owner("device", second)
    third = ca("third", second)
    below = owner("below", third)
    judge(signed(device, second, first), trusting(root)) if holds else untrusted(
        signed(device, second, first), trusting(root)
    )
    deeper = signed(below, third, second, first)
    if length is None or length >= 2:
        judge(deeper, trusting(root))
    else:
        assert "path of that length" in untrusted(deeper, trusting(root))


def test_a_signature_of_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right names, right key identifiers, wrong signature."""
    fake = Owner(key("p256", 8), SUB.x509)
    sub = ca("sub", ROOT)
    device = owner("device", Owner(fake.key, sub.x509), authority_key=False)
    assert "was not signed by the key of 'CN=sub'" in untrusted(signed(device, sub))


def test_weak_signatures_and_keys_of_certificates() -> None:
    weak = owner("device", SUB, digest=SHA224)
    strict = ProtectionPolicy(digests=ProtectionPolicy().digests - {"sha224"})
    judge(signed(weak, SUB))
    assert "signatures with sha224 are not admitted" in untrusted(signed(weak, SUB), policy=strict)
    judge(MESSAGE, policy=strict)
    small = ca("small", kind="rsa1024")
    device = owner("device", small)
    assert "RSA key of 1024 bits" in untrusted(signed(device), trusting(small))
    judge(signed(device), trusting(small), policy=ProtectionPolicy(min_rsa_bits=1024))


# --- what the signer's certificate is for ---


def test_key_usage_of_the_signer() -> None:
    device = owner("device", SUB, extensions=((usage("key_encipherment"), True),))
    assert "may not be used to sign (keyUsage)" in untrusted(signed(device, SUB))
    judge(signed(device, SUB), trusting(ROOT, check_usage=False))
    judge(signed(owner("device", SUB), SUB))  # no keyUsage: any usage
    pinned = TrustedSigners(signers=[device.certificate])
    untrusted(signed(device), pinned)


def test_purposes_of_the_signer() -> None:
    cmc = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, x509.ObjectIdentifier(oids.ID_KP_CMC_RA)])
    ra, device = owner("ra", SUB, extensions=((cmc, False),)), DEVICE
    verifier = trusting(ROOT, purposes=[oids.ID_KP_CMC_RA, "1.2.3"])
    judge(signed(ra, SUB), verifier)
    assert "not for this purpose" in untrusted(signed(device, SUB), verifier)
    assert "not for this purpose" in untrusted(signed(ra, SUB), trusting(ROOT, purposes=["1.2.3"]))


# --- who the header says it is ---


def test_the_sender_is_the_subject() -> None:
    named = cmpcodec.GeneralName(directory_name=Opened(SUB.certificate).subject)
    lying = signed(DEVICE, SUB, message=BARE.replace(header=BARE.header.replace(sender=named)))
    assert lying.header.sender == named
    with pytest.raises(InvalidProtection):
        judge(lying)
    judge(lying, trusting(ROOT, check_sender=False))
    dns = cmpcodec.GeneralName(dns_name="device")
    with pytest.raises(InvalidProtection):
        judge(signed(DEVICE, SUB, message=BARE.replace(header=BARE.header.replace(sender=dns))))


def test_names_in_other_string_types_are_the_same() -> None:
    attribute = x509.NameAttribute(x509.NameOID.COMMON_NAME, "DEVICE", x509.name._ASN1Type.PrintableString)
    name = cmpcodec.Name.decode(x509.Name([attribute]).public_bytes())
    assert name != Opened(DEVICE.certificate).subject
    sender = cmpcodec.GeneralName(directory_name=name)
    judge(signed(DEVICE, SUB, message=BARE.replace(header=BARE.header.replace(sender=sender))))


def test_a_certificate_without_a_subject() -> None:
    nameless = owner("", SUB, number=9)
    message = signed(nameless, SUB)
    assert message.header.sender == NULL_DN
    assert judge(message).certificate == nameless.certificate


def test_the_sender_kid_is_the_key_identifier() -> None:
    without = owner("device", SUB, kid=False)
    message = BARE.replace(header=BARE.header.replace(sender_kid=b"another"))
    assert signed(DEVICE, SUB, message=message).header.sender_kid == DEVICE.kid
    other = signed(without, SUB, message=message)  # has no identifier of its own, so it leaves the message's
    assert other.header.sender_kid == b"another"
    judge(other)
    lying = other.replace(extra_certs=[CMPCertificate(one.certificate.der) for one in (with_kid(without), SUB)])
    with pytest.raises(InvalidProtection):
        judge(lying)
    judge(lying, trusting(ROOT, check_sender_kid=False))


def with_kid(one: Owner) -> Owner:
    """Another certificate of the same name and key, with subjectKeyIdentifier."""
    return owner("device", SUB, own_key=one.key)


# --- hostile extraCerts ---


def extra(message: PKIMessage, *ders: bytes) -> PKIMessage:
    return cmpcodec.decode(message.replace(extra_certs=[CMPCertificate(der) for der in ders]).der)


GARBAGE = (tlv(0x30), tlv(0x30, b"\x05\x00"), tlv(0x30, *[tlv(0x30)] * 3), tlv(0x30, bytes(40)))


def test_garbage_is_passed_over() -> None:
    right = [one.der for one in MESSAGE.extra_certs]
    for at in range(len(right) + 1):
        judge(extra(MESSAGE, *right[:at], *GARBAGE, *right[at:]))
    truncated = DEVICE.certificate.der[:-1]
    for one in (*GARBAGE, tlv(0x30, truncated[4:])):
        with pytest.raises(InvalidProtection):
            judge(extra(MESSAGE, one))


@pytest.mark.filterwarnings("ignore:Parsed a")  # cryptography says so of some of them
def test_every_octet_of_a_certificate_of_the_path_counts() -> None:
    """A changed certificate is garbage, another one, or one whose signature does not fit; trusted is none."""
    der = SUB.certificate.der
    refused = 0
    for at in range(len(der)):
        changed = bytearray(der)
        changed[at] ^= 1 << at % 8
        try:
            message = extra(MESSAGE, DEVICE.certificate.der, bytes(changed))
            judge(message)
        except (cmpcodec.DecodeError, UntrustedSigner, cmpcodec.EncodeError):
            refused += 1
        except ValueError:  # no TLV of the type any more
            refused += 1
    assert refused == len(der)


def test_cycles_end(computed: Signatures) -> None:
    """Three CAs that certify each other in turn, and themselves."""
    names = ("a", "b", "c")
    selves = {name: ca(name) for name in names}
    crossed = [ca(one, selves[two], number=hash(one)) for one, two in itertools.product(names, names) if one != two]
    device = owner("device", selves["a"])
    untrusted(signed(device, *crossed, *selves.values()))
    assert computed.of_certificates <= paths.MAX_SIGNATURES


def test_many_certificates_of_one_name_end(computed: Signatures) -> None:
    """Thirty certificates that all could be the issuer, and of each other: the search gives up."""
    issuer = ca("ca", number=1)
    many = [ca("ca", issuer, number=1, authority_key=False, kid=False) for _ in range(30)]
    device = owner("device", issuer, authority_key=False)
    assert "after 32 signatures" in untrusted(signed(device, *many))
    assert computed.of_certificates == paths.MAX_SIGNATURES


@pytest.mark.parametrize(("subs", "holds"), [(8, True), (9, False)])
def test_depth(subs: int, holds: bool) -> None:
    chain = [ROOT]
    for number in range(subs):
        chain.append(ca(f"sub {number}", chain[-1]))
    device = owner("device", chain[-1])
    message = signed(device, *reversed(chain[1:]))
    if holds:
        assert len(judge(message).chain) == subs + 1
    else:
        assert "more than 10 certificates" in untrusted(message)


def test_few_keys_are_tried(computed: Signatures) -> None:
    """Twenty certificates with the name of the sender and other keys stand before the right one."""
    others = [owner("device", SUB, number=100 + number % 2, kid=False) for number in range(20)]
    message = extra(MESSAGE, *(one.certificate.der for one in others), DEVICE.certificate.der, SUB.certificate.der)
    with pytest.raises(InvalidProtection):
        judge(message)
    assert computed.of_messages == trust.MAX_CANDIDATES


# --- what is remembered ---


def test_a_known_signer_costs_one_signature(computed: Signatures) -> None:
    verifier = trusting(ROOT)
    for _ in range(5):
        judge(verifier=verifier)
    assert (computed.of_messages, computed.of_certificates) == (5, 2)
    other = signed(DEVICE, SUB, message=BARE.replace(header=BARE.header.replace(transaction_id=b"other")))
    forged = other.replace(protection=MESSAGE.protection)
    with pytest.raises(InvalidProtection):
        judge(forged, verifier)
    assert (computed.of_messages, computed.of_certificates) == (6, 2)


def test_a_known_signer_is_judged_by_each_policy() -> None:
    verifier = trusting(ROOT)
    judge(verifier=verifier)
    for policy in (ProtectionPolicy(min_ec_bits=384), ProtectionPolicy(signatures=frozenset({"rsa"}))):
        with pytest.raises(UnsupportedAlgorithm):
            judge(verifier=verifier, policy=policy)


def test_few_signers_are_remembered() -> None:
    for size in (0, 3):
        verifier = trusting(ROOT, cached_signers=size)
        for number in range(5):
            judge(signed(owner(f"device {number}", SUB), SUB), verifier)
            assert len(verifier._known) <= size


def test_refused_messages_leave_nothing_behind() -> None:
    """OpenSSL's CVE-2026-63074: extraCerts of refused messages were kept. Each message here has certificates of its own."""
    stranger = ca("stranger")
    verifier = trusting(ROOT)
    messages = []
    for number in range(20):
        device = owner(f"device {number}", stranger)
        messages.append(signed(device, stranger).der)
    judge(verifier=verifier)

    def refuse(times: int) -> None:
        for number in range(times):
            message = cmpcodec.decode(messages[number % len(messages)])
            fresh = tlv(0x30, number.to_bytes(4, "big"), bytes(2000))
            with pytest.raises(UntrustedSigner):
                judge(message.replace(extra_certs=[*message.extra_certs, CMPCertificate(fresh)]), verifier)

    refuse(50)
    tracemalloc.start()
    try:
        refuse(50)
        before = tracemalloc.get_traced_memory()[0]
        refuse(1000)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 200_000  # kept, they would be 2 million octets and more
    assert len(verifier._known) == 1


# --- arguments ---


def test_arguments() -> None:
    with pytest.raises(TypeError, match="time"):
        verify(MESSAGE, trusting(ROOT))
    with pytest.raises(ValueError, match="aware"):
        verify(MESSAGE, trusting(ROOT), time=datetime(2026, 6, 1))
    with pytest.raises(ValueError, match="nobody would be trusted"):
        TrustedSigners()
    for role in ("anchors", "untrusted", "signers"):
        for der in GARBAGE:
            with pytest.raises(ValueError, match=r"\w"):
                TrustedSigners(**{"anchors": [ROOT.certificate], role: [Certificate(der)]})
    with pytest.raises(MissingProtection):
        judge(BARE)


def test_macs_are_no_signatures() -> None:
    message = cmpcodec.protect(BARE, shared())
    with pytest.raises(UnsupportedAlgorithm, match="id-PasswordBasedMac"):
        judge(message)
    with pytest.raises(UnsupportedAlgorithm, match="not by id-PasswordBasedMac"):
        verify(MESSAGE, shared())


def test_repr_names_whom_it_trusts() -> None:
    assert repr(trusting(ROOT)) == "TrustedSigners('CN=root')"


def test_unused_bits() -> None:
    changed = MESSAGE.replace(protection=BitString(MESSAGE.protection.data[:-1] + b"\0", 1))
    with pytest.raises(InvalidProtection):
        judge(changed)
