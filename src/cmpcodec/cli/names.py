"""The RFCs' spelling of names: `transaction_id` -> transactionID, `BAD_POP` -> badPOP.

The inverse of the rule by which the schema names its attributes. That rule forgets how acronyms are written:
they stand in a table here. tests/cli/test_names.py holds every name against the RFCs' modules. Knows no type.
"""

from __future__ import annotations

_SPELLINGS = {
    "aa_compromise": "aACompromise",
    "aes_icv_len": "aes-ICVlen",
    "aes_nonce": "aes-nonce",
    "agree_mac": "agreeMAC",
    "bad_pop": "badPOP",
    "ca": "cA",
    "ca_compromise": "cACompromise",
    "ca_key_upd_ann_v2": "cAKeyUpdAnnV2",
    "ca_key_upd_ann_v3": "cAKeyUpdAnnV3",
    "crl_sign": "cRLSign",
    "dh_mac": "dhMAC",
    "dns_name": "dNSName",
    "extn_id": "extnID",
    "ip_address": "iPAddress",
    "issuer_uid": "issuerUID",
    "kmac_output_length": "kMACOutputLength",
    "name_relative_to_crl_issuer": "nameRelativeToCRLIssuer",
    "pki_status_info": "pKIStatusInfo",
    "public_key_mac": "publicKeyMAC",
    "recip_kid": "recipKID",
    "registered_id": "registeredID",
    "remove_from_crl": "removeFromCRL",
    "sender_kid": "senderKID",
    "subject_pk_info": "subjectPKInfo",
    "subject_uid": "subjectUID",
    "transaction_id": "transactionID",
    "type_id": "type-id",
}


def rfc_name(name: str) -> str:
    """How the RFC writes the component or alternative that the schema calls `name`."""
    spelling = _SPELLINGS.get(name)
    if spelling is None:
        first, *rest = name.split("_")
        spelling = _SPELLINGS[name] = first + "".join(word[:1].upper() + word[1:] for word in rest)
    return spelling


def rfc_member(name: str) -> str:
    """How the RFC writes a named number or bit: `GRANTED_WITH_MODS` -> grantedWithMods; ``bit 31`` stays."""
    return rfc_name(name.lower())


def rfc_type(cls: type) -> str:
    """How the RFC writes the name of a type: `Dss_Parms` -> Dss-Parms."""
    return cls.__name__.replace("_", "-")
