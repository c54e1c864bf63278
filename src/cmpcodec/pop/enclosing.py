"""Proof by giving the private key away, encrypted for the CA: encryptedKey, and thisMessage before it. RFC 4211, 4.2.

The key comes with the name of the requester or with a text that both know, so that nobody can hand in the envelope of
somebody else. RFC 9810, 5.2.8.3.1.
"""

from __future__ import annotations

from .. import oids
from ..asn1 import BitString
from ..crmf import EncKeyWithID, EncryptedValue, Identifier, POPOPrivKey, ProofOfPossession
from ..enveloping.algorithms import public_key_info
from ..enveloping.envelopes import envelop, open_envelope
from ..enveloping.keys import AnyPrivateKey, load_key, private_key_info, read_key
from ..enveloping.recipients import DecryptionKey, Recipient
from ..enveloping.values import decrypt_value
from ..errors import DecodeError, DecryptionError, PopError, UnsupportedAlgorithm
from ..pkix import GeneralName, SubjectPublicKeyInfo
from ..protection.policy import ProtectionPolicy
from .kinds import agrees


def prove_by_key(key: AnyPrivateKey, requester: GeneralName | str, recipient: Recipient) -> ProofOfPossession:
    """The proof that is the private key, encrypted for the CA: whoever gets it can use it.

    `requester` is the name of the requester, or a text that the CA gave him.
    """
    identifier = Identifier(string=requester) if isinstance(requester, str) else Identifier(general_name=requester)
    content = EncKeyWithID(private_key=private_key_info(key), identifier=identifier)
    proof = POPOPrivKey(encrypted_key=envelop(content.der, recipient, content_type=oids.ID_CT_ENC_KEY_WITH_ID))
    if agrees(public_key_info(key)):
        return ProofOfPossession(key_agreement=proof)
    return ProofOfPossession(key_encipherment=proof)


def verify_key(
    proof: POPOPrivKey,
    public_key: SubjectPublicKeyInfo,
    key: DecryptionKey,
    *,
    sender: GeneralName | None,
    policy: ProtectionPolicy,
) -> str | None:
    """Return if `proof` holds the private key of `public_key`, encrypted for `key`.

    Returns the text that came with it in place of a name, for the caller to judge; None if it was the name `sender`.
    An EncryptedValue (thisMessage) has neither. Raises PopError, with one wording for all that does not fit.
    """
    try:
        found, identifier = _open(proof, key, policy)
    except UnsupportedAlgorithm as error:
        raise PopError(f"the encrypted private key: {error}") from error
    except (DecodeError, DecryptionError):
        raise _mismatch() from None
    if public_key_info(found) != public_key:
        raise _mismatch()
    if identifier is None:
        if proof.encrypted_key is not None:
            raise PopError("the encrypted private key does not say whose it is")
        return None
    if identifier.string is None and (sender is None or identifier.general_name != sender):
        raise PopError("the encrypted private key is of another name than the authenticated sender of the message")
    return identifier.string


def _open(proof: POPOPrivKey, key: DecryptionKey, policy: ProtectionPolicy) -> tuple[AnyPrivateKey, Identifier | None]:
    if proof.encrypted_key is None:
        message = proof.this_message
        assert message is not None
        return read_key(decrypt_value(_whole(message), key, policy)), None
    content = open_envelope(proof.encrypted_key, key, policy)
    if content.content_type != oids.ID_CT_ENC_KEY_WITH_ID:
        raise UnsupportedAlgorithm("the content is no EncKeyWithID")
    both = EncKeyWithID.decode(content.octets)
    return load_key(both.private_key), both.identifier


def _whole(message: BitString) -> EncryptedValue:
    """The EncryptedValue in thisMessage."""
    if message.unused_bits:
        raise DecryptionError
    return EncryptedValue.decode(message.data)


def _mismatch() -> PopError:
    return PopError("what should be the encrypted private key of the public key cannot be read, or is another")
