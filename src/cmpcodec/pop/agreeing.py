"""Proof for a key agreement key by a MAC: agreeMAC, under a secret that both static keys give. RFC 4211, 4.3.

The algorithm is id-DHBasedMac (RFC 9810, 5.1.3.2), over the octets of the CertRequest; the keys are those of elliptic
curves, X25519 and X448. dhMAC, which is deprecated and knows SHA-1 alone, is neither made nor accepted.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from .. import oids
from ..asn1 import BitString, Null
from ..cmp import DHBMParameter
from ..crmf import CertReqMsg, CertRequest, PKMACValue, POPOPrivKey, ProofOfPossession
from ..enveloping.agreement import exchange
from ..enveloping.algorithms import (
    AgreementPrivateKey,
    AgreementPublicKey,
    bare,
    hash_name,
    load_encryption_key,
    named,
)
from ..errors import DecryptionError, PopError, UnsupportedAlgorithm
from ..pkix import AlgorithmIdentifier, SubjectPublicKeyInfo
from ..protection.pbm import MACS
from ..protection.policy import ProtectionPolicy

_DEFAULT: Final = DHBMParameter(
    owf=AlgorithmIdentifier(algorithm=oids.SHA256),
    mac=AlgorithmIdentifier(algorithm=oids.HMAC_WITH_SHA256, parameters=Null()),
)


def prove_by_agreement(
    cert_request: CertRequest, key: AgreementPrivateKey, ca_key: SubjectPublicKeyInfo
) -> ProofOfPossession:
    """The proof that goes with `cert_request`: a MAC under the secret of `key` and the CA's public key.

    Raises UnsupportedAlgorithm if the CA's key is not of the kind of `key`.
    """
    mac = hmac.digest(_derive(key, ca_key, "sha256"), cert_request.der, "sha256")
    algorithm = AlgorithmIdentifier(algorithm=oids.ID_DH_BASED_MAC, parameters=_DEFAULT)
    return ProofOfPossession(key_agreement=POPOPrivKey(agree_mac=PKMACValue(alg_id=algorithm, value=BitString(mac))))


def verify_agreement(
    message: CertReqMsg,
    public_key: SubjectPublicKeyInfo,
    proof: PKMACValue,
    key: AgreementPrivateKey,
    policy: ProtectionPolicy,
) -> None:
    """Return if the agreeMAC of `message` is under the secret of the requested key and ours; PopError if not."""
    try:
        owf, mac = _admit(proof.alg_id, policy)
        expected = hmac.digest(_derive(key, public_key, owf), message.cert_req.der, mac)
    except UnsupportedAlgorithm as error:
        raise PopError(f"agreeMAC: {error}") from error
    if not hmac.compare_digest(expected, proof.value.data) or proof.value.unused_bits:
        raise PopError("the MAC that should prove possession does not fit the public key")


def _admit(algorithm: AlgorithmIdentifier, policy: ProtectionPolicy) -> tuple[str, str]:
    parameters = algorithm.parameters
    if algorithm.algorithm != oids.ID_DH_BASED_MAC or not isinstance(parameters, DHBMParameter):
        raise UnsupportedAlgorithm(f"{named(algorithm.algorithm)} is not supported, only id-DHBasedMac")
    owf, mac = hash_name(parameters.owf), MACS.get(parameters.mac.algorithm)
    if mac is None or not bare(parameters.mac):
        raise UnsupportedAlgorithm(f"mac {named(parameters.mac.algorithm)} is not supported")
    if owf not in policy.owfs or mac not in policy.macs:
        raise UnsupportedAlgorithm("owf or mac is not admitted by the policy")
    return owf, mac


def _derive(key: AgreementPrivateKey, other: SubjectPublicKeyInfo, owf: str) -> bytes:
    """The key of the MAC: the one-way function of the agreed secret."""
    found = load_encryption_key(other)
    if not isinstance(found, AgreementPublicKey):
        raise UnsupportedAlgorithm("the keys of the agreement are not of one kind")
    try:
        secret = exchange(key, found)
    except DecryptionError as error:
        raise UnsupportedAlgorithm("the keys of the agreement do not go together") from error
    return hashlib.new(owf, secret, usedforsecurity=owf != "sha1").digest()
