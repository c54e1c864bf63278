"""Requests that ask for a challenge, and right answers to it."""

from __future__ import annotations

from typing import Any

import cmpcodec as cmp
from cmpcodec.crmf import POPOPrivKey, ProofOfPossession, SubsequentMessage
from cmpcodec.enveloping.algorithms import public_key_info
from cmpcodec.pop import respond
from cmpcodec.pop.kinds import agrees
from cmpcodec.protection import ProtectionPolicy
from tests.server.support import cert_request

OLD_PEERS = ProtectionPolicy(legacy_encryption=True)


def challenged(key: Any, number: int = 0, **request: Any) -> cmp.CertReqMsg:
    """A request for a certificate of that key, whose proof is to answer a challenge."""
    later = POPOPrivKey(subsequent_message=SubsequentMessage.CHALLENGE_RESP)
    agreeing = agrees(public_key_info(key))
    popo = ProofOfPossession(key_agreement=later) if agreeing else ProofOfPossession(key_encipherment=later)
    return cert_request(number, key=key, **{"popo": popo} | request)


def answered(challenges: cmp.PKIMessage, *keys: Any) -> cmp.POPODecKeyRespContent:
    """The right popdecr to a popdecc."""
    assert challenges.body.popdecc is not None, challenges.body
    return respond(challenges.body.popdecc, keys, challenges.header.sender, OLD_PEERS)
