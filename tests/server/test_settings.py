"""Profiles, parties and the responder itself: what they accept, and what they never show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import cmpcodec as cmp
from cmpcodec import oids
from cmpcodec.messages import NULL_DN
from cmpcodec.protection import pbm
from cmpcodec.server import Change, Profile, Responder, SharedSecretParty, SharedSecrets
from cmpcodec.store import MemoryStore
from tests.server.support import SECRET, Clock, Device, Server, authority, cert_request, certificates


def profile(**settings: Any) -> Profile:
    return Profile(**{"name": "p", "authority": authority(), "lookup": SharedSecrets({}, b"secret"), **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {"confirm_wait": timedelta(seconds=-1)},
        {"poll_within": timedelta(days=-1)},
        {"crl_renew_before": timedelta(seconds=-1)},
        {"remember": timedelta(days=40_000)},
        {"message_time_window": timedelta(seconds=-1)},
        {"message_time_window": timedelta(minutes=31), "remember": timedelta(hours=1)},
        {"max_requests": 0},
        {"max_requests": 33},
        {"max_unconfirmed": 0},
        {"bodies": frozenset({"ir", "genm"})},
        {"bodies": frozenset({"certConf"})},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings)) if len(settings) == 1 else "remember"):
        profile(**settings)


def test_settings_at_their_bounds() -> None:
    profile(message_time_window=timedelta(minutes=30), max_requests=32, confirm_wait=timedelta(0))
    profile(message_time_window=None, remember=timedelta(0), max_requests=1)


def test_profiles_by_name() -> None:
    one, other = profile(), profile(name="q")
    store = MemoryStore()
    assert dict(Responder([one, other], store).profiles) == {"p": one, "q": other}
    assert dict(Responder({"p": one, "alias": one}, store).profiles) == {"p": one, "alias": one}
    with pytest.raises(ValueError, match="same name"):
        Responder([one, profile()], store)
    with pytest.raises(ValueError, match="same name"):
        Responder({"a": one, "b": profile()}, store)
    with pytest.raises(TypeError):
        Responder([one], store).profiles["q"] = other  # type: ignore[index]


def test_handle() -> None:
    store = MemoryStore()
    one, other = profile(), profile(name="q")
    assert cmp.decode(Responder([one], store).handle(b"")).body.name == "error"
    assert cmp.decode(Responder([one, other], store).handle(b"", "q")).body.name == "error"
    with pytest.raises(ValueError, match="name it"):
        Responder([one, other], store).handle(b"")
    with pytest.raises(KeyError):
        Responder([one], store).handle(b"", "q")
    with pytest.raises(KeyError):
        Responder([one], store).respond(b"", "q")


def test_an_alias_is_the_same_profile() -> None:
    server = Server(MemoryStore())
    responder = Responder({"p": server.profile, "alias": server.profile}, server.store, clock=server.clock)
    message = Device(server).message({"ir": [cert_request()]})
    first = responder.respond(message, "p")
    assert responder.respond(message, "alias").der == first.der


def test_the_clock_of_the_system() -> None:
    responder = Responder([profile()], MemoryStore())
    clock = Clock(cmp.decode(responder.handle(b"")).header.message_time)
    server = Server(MemoryStore(), clock)
    device = Device(server, b"secret", None)
    assert cmp.decode(responder.handle(device.message({"ir": [cert_request()]}))).body.name == "ip"


def header(**fields: Any) -> cmp.PKIHeader:
    return cmp.PKIHeader.from_plain({"pvno": 2, "sender": NULL_DN, "recipient": NULL_DN, **fields})


def test_looking_parties_up() -> None:
    secrets = SharedSecrets({b"a": b"1", b"b": b"2"}, b"3")
    found = {kid: secrets(header(sender_kid=kid)) for kid in (b"a", b"b", b"c", b"", None)}
    assert found[b"c"] is None
    assert found[b""] is found[None]
    identities = {kid: party.identity for kid, party in found.items() if party is not None}
    assert identities == {b"a": "kid:61", b"b": "kid:62", b"": "default", None: "default"}
    assert SharedSecrets({b"a": b"1"})(header()) is None


def test_the_credentials_for_answers_are_few() -> None:
    party = SharedSecretParty("one", b"secret")
    credentials = set()
    for owf in pbm.OWFS:
        for mac in pbm.MACS:
            parameter = cmp.PBMParameter.from_plain(
                {"salt": bytes(16), "owf": {"algorithm": owf}, "iteration_count": 500, "mac": {"algorithm": mac}}
            )
            algorithm = cmp.AlgorithmIdentifier(algorithm=oids.ID_PASSWORD_BASED_MAC, parameters=parameter)
            credential = party.answering(header(protection_alg=algorithm))
            assert (credential.owf, credential.mac) == (pbm.OWFS[owf], pbm.MACS[mac])
            assert credential.iterations >= 1000
            credentials.add(credential)
    assert len(credentials) == len(set(pbm.OWFS.values())) * len(set(pbm.MACS.values()))
    unknown = cmp.AlgorithmIdentifier(algorithm="1.2.3")
    assert party.answering(header(protection_alg=unknown)) is party.answering(header())


def test_the_salt_of_answers_changes_in_time() -> None:
    party = SharedSecretParty("one", b"secret")
    salts = {party.answering(header()).algorithm().parameters.salt for _ in range(2500)}
    assert len(salts) == 3


def test_no_secret_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(MemoryStore):
        def apply(self, change: Change) -> None:
            raise RuntimeError("no room left")

    server = Server(Broken())
    secret = SECRET.decode()
    lookup = server.profile.lookup
    party = lookup(header(sender_kid=b"device"))
    for shown in (server.profile, server.responder, lookup, party, server.settings):
        assert secret not in repr(shown)
        assert secret not in str(shown)
    answer = server.respond(Device(server).message({"ir": [cert_request()]}))
    assert answer.fail_info == cmp.PKIFailureInfo.SYSTEM_FAILURE
    assert answer.detail == "RuntimeError: no room left"
    assert "no room left" not in answer.text
    assert secret not in repr(answer)
    assert not any(capsys.readouterr())


def test_requests_of_another_mac_are_answered_in_kind_within_one_party() -> None:
    """Two peers with one secret and different hashes do not disturb each other."""
    server = Server(MemoryStore())
    for owf, mac in [("sha256", "sha1"), ("sha512", "sha256"), ("sha256", "sha1"), ("sha3_256", "sha3_384")]:
        device = Device(server)
        credential = cmp.PasswordBasedMAC(SECRET, sender_kid=b"device", owf=owf, mac=mac, iterations=100)
        answer = device.send({"ir": [cert_request()]}, credential=credential)
        assert certificates(answer)
        parameter = answer.header.protection_alg.parameters
        assert (pbm.OWFS[parameter.owf.algorithm], pbm.MACS[parameter.mac.algorithm]) == (owf, mac)
