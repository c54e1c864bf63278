"""Proof for a key agreement key by a MAC: agreeMAC, under a secret that both static keys give. RFC 4211, 4.3.

The algorithm is id-DHBasedMac (RFC 9810, 5.1.3.2), over the octets of the CertRequest; the keys are those of elliptic
curves, X25519 and X448. dhMAC, which is deprecated and knows SHA-1 alone, is neither made nor accepted.
"""

from __future__ import annotations

from ..crmf import CertReqMsg, CertRequest, PKMACValue, POPOPrivKey, ProofOfPossession
from ..enveloping.algorithms import AgreementPrivateKey, AgreementPublicKey, load_encryption_key
from ..errors import InvalidProtection, PopError, UnsupportedAlgorithm
from ..pkix import SubjectPublicKeyInfo
from ..protection.dh import DHBasedMAC
from ..protection.policy import ProtectionPolicy


def prove_by_agreement(
    cert_request: CertRequest, key: AgreementPrivateKey, ca_key: SubjectPublicKeyInfo
) -> ProofOfPossession:
    """The proof that goes with `cert_request`: a MAC under the secret of `key` and the CA's public key.

    Raises UnsupportedAlgorithm if the CA's key is not of the kind of `key`.
    """
    agreed = _agree(key, ca_key)
    algorithm = agreed.algorithm()
    mac = PKMACValue(alg_id=algorithm, value=agreed.compute(algorithm, cert_request.der))
    return ProofOfPossession(key_agreement=POPOPrivKey(agree_mac=mac))


def verify_agreement(
    message: CertReqMsg,
    public_key: SubjectPublicKeyInfo,
    proof: PKMACValue,
    key: AgreementPrivateKey,
    policy: ProtectionPolicy,
) -> None:
    """Return if the agreeMAC of `message` is under the secret of the requested key and ours; PopError if not."""
    try:
        _agree(key, public_key).check(proof.alg_id, message.cert_req.der, proof.value, policy)
    except UnsupportedAlgorithm as error:
        raise PopError(f"agreeMAC: {error}") from error
    except InvalidProtection:
        raise PopError("the MAC that should prove possession does not fit the public key") from None


def _agree(key: AgreementPrivateKey, other: SubjectPublicKeyInfo) -> DHBasedMAC:
    found = load_encryption_key(other)
    if not isinstance(found, AgreementPublicKey):
        raise UnsupportedAlgorithm("the keys of the agreement are not of one kind")
    try:
        return DHBasedMAC(key, found)
    except (ValueError, TypeError) as error:
        raise UnsupportedAlgorithm("the keys of the agreement do not go together") from error
