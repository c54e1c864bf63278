"""Proof by a signature with the key itself: POPOSigningKey of CRMF, and PKCS #10. RFC 4211, 4.1; RFC 2986, 4.2.

The signed octets are those that were received: a CertRequest is never encoded again. Where the template lacks subject
or publicKey, a POPOSigningKeyInput is signed in its place, which ties the key to the requester.
"""

from __future__ import annotations

from ..asn1 import BitString
from ..crmf import (
    AuthInfo,
    CertReqMsg,
    CertRequest,
    PKMACValue,
    POPOSigningKey,
    POPOSigningKeyInput,
    ProofOfPossession,
)
from ..enveloping.algorithms import public_key_info
from ..errors import InvalidProtection, PopError, ProtectionError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, CertificationRequest, GeneralName, SubjectPublicKeyInfo
from ..protection.mac import MacCredential
from ..protection.policy import ProtectionPolicy
from ..protection.signatures import DIGESTS, PrivateKey, PublicKey, check, load_public_key, sign


def prove(cert_request: CertRequest, key: PrivateKey, digest: str = "sha256") -> ProofOfPossession:
    """The proof that goes with `cert_request`: a signature over its octets. TypeError if the key cannot sign."""
    algorithm, signature = sign(key, cert_request.der, digest)
    return ProofOfPossession(signature=POPOSigningKey(algorithm_identifier=algorithm, signature=signature))


def prove_identity(
    requester: GeneralName | MacCredential, key: PrivateKey, digest: str = "sha256"
) -> ProofOfPossession:
    """The proof for a template that lacks subject or publicKey: a signature over a POPOSigningKeyInput.

    `requester` is his name, as a certificate that he has already says it (and the header as sender), or the secret that
    he shares with the CA. TypeError if the key cannot sign.
    """
    public_key = public_key_info(key)
    if isinstance(requester, GeneralName):
        auth_info = AuthInfo(sender=requester)
    else:
        algorithm = requester.algorithm()
        mac = PKMACValue(alg_id=algorithm, value=requester.compute(algorithm, public_key.der))
        auth_info = AuthInfo(public_key_mac=mac)
    poposk_input = POPOSigningKeyInput(auth_info=auth_info, public_key=public_key)
    algorithm, signature = sign(key, poposk_input.der, digest)
    return ProofOfPossession(
        signature=POPOSigningKey(poposk_input=poposk_input, algorithm_identifier=algorithm, signature=signature)
    )


def verify_request(message: CertReqMsg, digests: frozenset[str] = DIGESTS) -> PublicKey:
    """Return the requested public key if `message` proves possession of its private key by a signature.

    Raises PopError if the proof is missing, of a kind that has to be agreed on otherwise (raVerified, a challenge), or
    does not fit; its text may be shown to the requester.
    """
    template = message.cert_req.cert_template
    if template.public_key is None:
        raise PopError("the template has no publicKey, so there is nothing to prove possession of")
    popo = message.popo
    if popo is None:
        raise PopError("the request has no proof of possession")
    proof = popo.signature
    if proof is None:
        raise PopError(f"a proof of possession by {popo.name} is not accepted here, only one by signature")
    if proof.poposk_input is not None:
        raise PopError("poposkInput is for templates that lack subject or publicKey: sign the certReq itself")
    return _check(template.public_key, proof.algorithm_identifier, message.cert_req.der, proof.signature, digests)


def verify_identity(
    message: CertReqMsg,
    proof: POPOSigningKey,
    *,
    sender: GeneralName | None,
    secret: MacCredential | None,
    policy: ProtectionPolicy,
    digests: frozenset[str],
) -> SubjectPublicKeyInfo:
    """Return the public key of a POPOSigningKeyInput if it is the requester's and its signature fits.

    `sender` is the authenticated name of the requester, `secret` what he shares with us. Raises PopError.
    """
    template, signed = message.cert_req.cert_template, proof.poposk_input
    if signed is None:
        raise PopError("the template lacks subject or publicKey, and there is no poposkInput in their place")
    if template.subject is not None and template.public_key is not None:
        raise PopError("poposkInput is for templates that lack subject or publicKey: sign the certReq itself")
    if template.public_key is not None and template.public_key != signed.public_key:
        raise PopError("the publicKey of poposkInput is not that of the template")
    if signed.auth_info.sender is not None:
        if signed.auth_info.sender != sender:
            raise PopError("the sender in poposkInput is not the authenticated sender of the message")
    elif secret is None:
        raise PopError("publicKeyMAC is not accepted here: there is no secret that is shared with the requester")
    else:
        _check_mac(signed, secret, policy)
    _check(signed.public_key, proof.algorithm_identifier, signed.der, proof.signature, digests)
    return signed.public_key


def verify_pkcs10(request: CertificationRequest, digests: frozenset[str] = DIGESTS) -> PublicKey:
    """Return the public key of a PKCS #10 request if its signature proves possession; PopError if not."""
    info = request.certification_request_info
    return _check(info.subject_pk_info, request.signature_algorithm, info.der, request.signature, digests)


def _check_mac(signed: POPOSigningKeyInput, secret: MacCredential, policy: ProtectionPolicy) -> None:
    mac = signed.auth_info.public_key_mac
    assert mac is not None
    try:
        secret.check(mac.alg_id, signed.public_key.der, mac.value, policy)
    except UnsupportedAlgorithm as error:
        raise PopError(f"publicKeyMAC: {error}") from error
    except ProtectionError:
        raise PopError("publicKeyMAC does not fit the public key and the shared secret") from None


def _check(
    info: SubjectPublicKeyInfo,
    algorithm: AlgorithmIdentifier,
    octets: bytes,
    signature: BitString,
    digests: frozenset[str],
) -> PublicKey:
    try:
        key = load_public_key(info)
        check(key, algorithm, octets, signature, digests)
    except InvalidProtection:
        raise PopError("the signature that should prove possession does not fit the public key") from None
    except UnsupportedAlgorithm as error:
        raise PopError(f"proof of possession: {error}") from error
    return key
