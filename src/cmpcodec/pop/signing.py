"""Proof by a signature with the key itself: POPOSigningKey of CRMF, and PKCS #10. RFC 4211, 4.1; RFC 2986, 4.2.

The signed octets are those that were received: a CertRequest is never encoded again.
"""

from __future__ import annotations

from ..asn1 import BitString
from ..crmf import CertReqMsg, CertRequest, POPOSigningKey, ProofOfPossession
from ..errors import InvalidProtection, PopError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, CertificationRequest, SubjectPublicKeyInfo
from ..protection.signatures import DIGESTS, PrivateKey, PublicKey, check, load_public_key, sign


def prove(cert_request: CertRequest, key: PrivateKey, digest: str = "sha256") -> ProofOfPossession:
    """The proof that goes with `cert_request`: a signature over its octets. TypeError if the key cannot sign."""
    algorithm, signature = sign(key, cert_request.der, digest)
    return ProofOfPossession(signature=POPOSigningKey(algorithm_identifier=algorithm, signature=signature))


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


def verify_pkcs10(request: CertificationRequest, digests: frozenset[str] = DIGESTS) -> PublicKey:
    """Return the public key of a PKCS #10 request if its signature proves possession; PopError if not."""
    info = request.certification_request_info
    return _check(info.subject_pk_info, request.signature_algorithm, info.der, request.signature, digests)


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
