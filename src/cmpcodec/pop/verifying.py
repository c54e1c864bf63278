"""Every proof of possession that a CertReqMsg can carry, verified: or what is to follow before it is one. RFC 4211, 4.

Whom the message is from, and whether he is a trusted RA, has to be known before: this file believes what it is told.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..crmf import CertReqMsg, POPOPrivKey, SubsequentMessage
from ..enveloping.algorithms import AgreementPrivateKey, load_encryption_key
from ..enveloping.recipients import DecryptionKey
from ..errors import PopError, UnsupportedAlgorithm
from ..pkix import GeneralName, SubjectPublicKeyInfo
from ..protection.mac import MacCredential
from ..protection.policy import ProtectionPolicy
from ..protection.signatures import DIGESTS
from .agreeing import verify_agreement
from .enclosing import verify_key
from .kinds import agrees
from .signing import verify_identity, verify_request

_DEFAULT_POLICY: Final = ProtectionPolicy()


class Possession(NamedTuple):
    """What a proof of possession came to."""

    public_key: SubjectPublicKeyInfo
    """The key to be certified."""
    by: str
    """What proves it: an alternative of ProofOfPossession or of POPOPrivKey, as they are called here."""
    pending: SubsequentMessage | None = None
    """Nothing is proven yet: the certificate has to be sent encrypted, or a challenge has to be answered."""
    token: str | None = None
    """The text beside an encrypted private key, for the caller to judge."""


def verify_proof(
    message: CertReqMsg,
    *,
    trusted_ra: bool = False,
    sender: GeneralName | None = None,
    secret: MacCredential | None = None,
    decryption_key: DecryptionKey | None = None,
    agreement_key: AgreementPrivateKey | None = None,
    policy: ProtectionPolicy = _DEFAULT_POLICY,
    digests: frozenset[str] = DIGESTS,
) -> Possession:
    """Verify the proof of possession in `message`, or tell what has to follow.

    trusted_ra: whether the requester is an RA whose raVerified counts; an end entity must not use it (RFC 9810,
    5.2.8.1). sender: the authenticated name of the requester, for what says whose it is. secret: what he shares with
    us, for publicKeyMAC. decryption_key: our key, for private keys that are sent to us. agreement_key: our static key,
    for agreeMAC. What is not given is not accepted.

    Raises PopError, whose text may be shown to the requester, if the proof is missing, not accepted or does not fit.
    """
    popo, template = message.popo, message.cert_req.cert_template
    if popo is not None and popo.signature is not None:
        if popo.signature.poposk_input is None and template.public_key is not None:
            # Accepted without subject too, where the RFC wants a poposkInput: the key is in what is signed.
            verify_request(message, digests)
            return Possession(template.public_key, "signature")
        found = verify_identity(message, popo.signature, sender=sender, secret=secret, policy=policy, digests=digests)
        return Possession(found, "signature")
    public_key = template.public_key
    if public_key is None:
        raise PopError("the template has no publicKey, so there is nothing to prove possession of")
    if popo is None:
        raise PopError("the request has no proof of possession")
    if popo.ra_verified is not None:
        if not trusted_ra:
            raise PopError("raVerified is for registration authorities that are trusted to have verified")
        return Possession(public_key, "ra_verified")
    proof = popo.key_encipherment or popo.key_agreement
    assert proof is not None
    if agrees(public_key) != (popo.key_agreement is not None):
        raise PopError(f"a proof by {popo.name} is not for a key of this kind")
    if proof.agree_mac is not None:
        if agreement_key is None:
            raise PopError("a proof by agreeMAC is not accepted here")
        verify_agreement(message, public_key, proof.agree_mac, agreement_key, policy)
        return Possession(public_key, proof.name)
    return _by_decryption(proof, public_key, sender, decryption_key, policy)


def _by_decryption(
    proof: POPOPrivKey,
    public_key: SubjectPublicKeyInfo,
    sender: GeneralName | None,
    key: DecryptionKey | None,
    policy: ProtectionPolicy,
) -> Possession:
    if proof.subsequent_message is not None:
        if not isinstance(proof.subsequent_message, SubsequentMessage):
            raise PopError("subsequentMessage is neither encrCert nor challengeResp")
        try:
            load_encryption_key(public_key)
        except UnsupportedAlgorithm as error:
            raise PopError(f"proof of possession: {error}") from error
        return Possession(public_key, proof.name, pending=proof.subsequent_message)
    if proof.dh_mac is not None:
        raise PopError("dhMAC is deprecated and not accepted; agreeMAC takes its place")
    if key is None:
        raise PopError("a private key as proof of possession is not accepted here")
    token = verify_key(proof, public_key, key, sender=sender, policy=policy)
    return Possession(public_key, proof.name, token=token)
