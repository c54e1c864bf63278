"""What a credential keeps, draws and hides: derived keys, salts, the secret; and what its constructor refuses.

The messages and MACs are those of by_hand.
"""

from __future__ import annotations

import copy
import hmac
import logging
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

import cmpcodec
from cmpcodec import (
    AlgorithmIdentifier,
    BitString,
    InvalidProtection,
    PasswordBasedMAC,
    PKIMessage,
    ProtectionPolicy,
    UnsupportedAlgorithm,
    protect,
    verify,
)
from cmpcodec.protection import pbm, protected_part
from cmpcodec.protection.digests import HASH_OIDS, HMAC_OIDS
from tests.protection.by_hand import (
    CONFIRMATION,
    EXAMPLE,
    MESSAGE,
    OPEN,
    SALT,
    SECRET,
    Work,
    algorithm,
    announcing,
    integer,
    mac_by_hand,
    part_by_hand,
    pbm_algorithm,
    protected_by_hand,
    shared,
)

# --- salts ---


def test_own_salts_never_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """10^5 salts; the records around them are left out to make it quick."""
    monkeypatch.setattr(pbm, "AlgorithmIdentifier", lambda **components: components)
    monkeypatch.setattr(pbm, "PBMParameter", lambda **components: components["salt"])
    credential = shared()
    salts = {credential._fresh()["parameters"] for _ in range(100_000)}  # type: ignore[index]
    assert len(salts) == 100_000
    assert {len(salt) for salt in salts} == {16}
    longer = shared(salt_octets=20)
    assert len(longer._fresh()["parameters"]) == 20  # type: ignore[index]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_workers_draw_other_salts() -> None:
    """The child writes its salts into a pipe and leaves; no thread of pytest is running."""
    credential = shared()
    credential.algorithm()
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writable, b"".join(salt_of(credential.algorithm()) for _ in range(100)))
        finally:
            os._exit(0)
    os.close(writable)
    mine = {salt_of(credential.algorithm()) for _ in range(100)}
    with open(readable, "rb") as pipe:
        octets = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    theirs = {octets[at : at + 16] for at in range(0, len(octets), 16)}
    assert (len(mine), len(theirs), len(mine | theirs)) == (100, 100, 200)


def salt_of(one: AlgorithmIdentifier) -> bytes:
    salt: bytes = one.parameters.salt  # type: ignore[attr-defined]
    return salt


# --- keys that are kept ---


def kept(credential: PasswordBasedMAC) -> list[bytearray]:
    return list(credential._keys._keys.values())


def test_retransmission_needs_no_derivation(work: Work) -> None:
    credential = shared()
    for _ in range(5):
        verify(cmpcodec.decode(EXAMPLE), credential)
    assert (work.keys, work.macs) == (1, 5)


def test_keys_are_kept_only_after_success(work: Work) -> None:
    credential = shared()
    altered = MESSAGE.replace(body=CONFIRMATION.body)
    for _ in range(3):
        with pytest.raises(InvalidProtection):
            verify(altered, credential)
    assert not kept(credential)
    assert work.keys == 3
    verify(MESSAGE, credential)
    for _ in range(3):
        with pytest.raises(InvalidProtection):
            verify(altered, credential)
    assert work.keys == 7  # what does not fit costs the same, whether a key was kept or not


def test_the_key_is_that_of_salt_owf_and_count(work: Work) -> None:
    """Same salt, another count or owf: another key. Another MAC: the same key."""
    credential = shared()
    for owf, count, mac, keys in (
        ("sha256", 100, "sha256", 1),
        ("sha256", 101, "sha256", 2),
        ("sha512", 100, "sha256", 3),
        ("sha256", 100, "sha512", 3),
    ):
        der = pbm_algorithm(owf=algorithm(HASH_OIDS[owf]), count=integer(count), mac=algorithm(HMAC_OIDS[mac]))
        verify(protected_by_hand(der, SALT, owf, count, mac), credential)
        assert work.keys == keys


def test_known_keys_do_not_pass_by_the_policy(work: Work) -> None:
    credential = shared()
    message = protect(CONFIRMATION, shared(owf="sha1"))
    verify(message, credential, OPEN)
    work.forget()
    with pytest.raises(UnsupportedAlgorithm):
        verify(message, credential)
    assert work.none


def test_cache_is_bounded_and_wiped(work: Work) -> None:
    credential = shared(cached_keys=3)
    messages = [protect(CONFIRMATION, shared()) for _ in range(5)]
    for message in messages[:3]:
        verify(message, credential)
    first, second, third = kept(credential)
    assert all(any(key) for key in (first, second, third))
    verify(messages[0], credential)  # now the second is the one that was not used for longest
    for message in messages[3:]:
        verify(message, credential)
        assert len(kept(credential)) == 3
    assert any(first)
    assert not any(second)
    assert not any(third)
    work.keys = 0
    verify(messages[0], credential)
    assert work.keys == 0
    verify(messages[1], credential)
    assert work.keys == 1


def test_cache_can_be_done_without(work: Work) -> None:
    credential = shared(cached_keys=0)
    for _ in range(3):
        verify(MESSAGE, credential)
    assert work.keys == 3
    assert not kept(credential)


def test_messages_per_salt(work: Work) -> None:
    credential = shared(messages_per_salt=3)
    messages = [protect(CONFIRMATION, credential) for _ in range(7)]
    assert work.keys == 3
    salts = [salt_of(message.header.protection_alg) for message in messages]
    assert salts[0] == salts[1] == salts[2] != salts[3] == salts[4] == salts[5] != salts[6]
    for message in messages:
        verify(message, shared())


def test_one_message_per_salt_keeps_nothing(work: Work) -> None:
    credential = shared()
    salts = {salt_of(protect(CONFIRMATION, credential).header.protection_alg) for _ in range(5)}
    assert len(salts) == work.keys == 5
    assert not kept(credential)


def test_forget(work: Work) -> None:
    credential = shared(messages_per_salt=100)
    before = protect(CONFIRMATION, credential)
    verify(MESSAGE, credential)
    keys = kept(credential)
    assert len(keys) == 2
    credential.forget()
    assert not kept(credential)
    assert not any(any(key) for key in keys)
    after = protect(CONFIRMATION, credential)
    assert salt_of(before.header.protection_alg) != salt_of(after.header.protection_alg)
    verify(MESSAGE, credential)
    assert work.keys == 4


def test_a_key_forgotten_while_it_is_used_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread may do at the worst moment: forget the key just looked up. Its zeros must not be used."""
    credential, digest = shared(), hmac.digest
    verify(MESSAGE, credential)
    altered = MESSAGE.replace(body=CONFIRMATION.body)
    forged = altered.replace(protection=BitString(digest(bytes(32), protected_part(altered), "sha1")))

    def interrupted(*args: Any) -> bytes:
        credential.forget()
        return digest(*args)

    monkeypatch.setattr(hmac, "digest", interrupted)
    with pytest.raises(InvalidProtection):
        verify(forged, credential)
    monkeypatch.undo()
    verify(MESSAGE, credential)
    monkeypatch.setattr(hmac, "digest", interrupted)
    verify(MESSAGE, credential)


def test_threads_share_a_credential() -> None:
    """One key fits into the cache and four messages are verified at once: each verifies, every time."""
    credential = shared(cached_keys=1, messages_per_salt=2)
    messages = [protect(CONFIRMATION, shared()) for _ in range(4)]
    failures: list[BaseException] = []

    def go(message: PKIMessage) -> None:
        try:
            for _ in range(300):
                verify(message, credential)
                verify(protect(message, credential), credential)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=go, args=(message,)) for message in messages]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for _ in range(200):
            credential.forget()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failures


# --- secrets ---


@pytest.mark.parametrize("secret", [b"", b"\0", bytes(range(256)), b"s" * 5000, bytearray(b"mutable")])
def test_secrets_of_any_octets(secret: bytes) -> None:
    credential = PasswordBasedMAC(secret, iterations=100)
    message = protect(CONFIRMATION, credential)
    salt = message.header.protection_alg.parameters.salt
    expected = mac_by_hand(part_by_hand(message.der), salt, "sha256", 100, "sha256", bytes(secret))
    assert message.protection.data == expected
    verify(message, PasswordBasedMAC(bytes(secret)))


def test_secret_is_copied() -> None:
    secret = bytearray(SECRET)
    credential = PasswordBasedMAC(secret)
    secret[:] = bytes(len(secret))
    verify(MESSAGE, credential)


CANARY = b"canary-6fd1c0de-secret"


def failures() -> dict[str, Callable[[PasswordBasedMAC], object]]:
    """Everything that goes wrong with a credential in hand."""
    missing = CONFIRMATION.replace(header=MESSAGE.header.replace(protection_alg=None))
    return {
        "wrong": lambda one: verify(MESSAGE, one),
        "missing": lambda one: verify(missing, one),
        "refused": lambda one: verify(announcing(pbm_algorithm(count=integer(2**40))), one),
        "pickle": lambda one: pickle.dumps(one),
        "copy": lambda one: copy.copy(one),
        "deepcopy": lambda one: copy.deepcopy([one]),
        "no message": lambda one: verify(None, one),  # type: ignore[arg-type]
        "no body": lambda one: protect(None, one),  # type: ignore[arg-type]
        "no algorithm": lambda one: one.compute(None, b""),  # type: ignore[arg-type]
        "no octets": lambda one: one.compute(one.algorithm(), None),  # type: ignore[arg-type]
        "no protection": lambda one: one.check(MESSAGE.header.protection_alg, b"", None, ProtectionPolicy()),  # type: ignore[arg-type]
        "text": lambda one: PasswordBasedMAC(CANARY.decode()),  # type: ignore[arg-type]
        "list": lambda one: PasswordBasedMAC([CANARY]),  # type: ignore[arg-type]
        "owf": lambda one: PasswordBasedMAC(CANARY, owf="md5"),
        "iterations": lambda one: PasswordBasedMAC(CANARY, iterations=1),
        "kid": lambda one: protect(MESSAGE, PasswordBasedMAC(CANARY, sender_kid="text")),  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("name", failures())
def test_errors_do_not_show_the_secret(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    credential = PasswordBasedMAC(CANARY, sender_kid=b"device-1", messages_per_salt=2, iterations=100)
    protect(MESSAGE, credential)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of any kind; its text is what matters
        failures()[name](credential)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.args)
    for secret in (CANARY, CANARY.hex().encode(), *kept(credential)):
        assert bytes(secret) not in shown.encode()
        assert bytes(secret).hex() not in shown
        assert repr(bytes(secret))[2:-1] not in shown
    assert not caplog.records


def test_representation_shows_no_secret() -> None:
    credential = PasswordBasedMAC(CANARY, sender_kid=b"device-1")
    protect(MESSAGE, credential)
    expected = "PasswordBasedMAC(<secret>, sender_kid=b'device-1', owf='sha256', mac='sha256', iterations=1000)"
    assert repr(credential) == str(credential) == f"{credential}" == expected
    assert not hasattr(credential, "__dict__")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_credentials_are_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="holds a secret and cannot be pickled"):
        pickle.dumps(shared(), protocol)


# --- arguments ---


@pytest.mark.parametrize(
    ("arguments", "expected", "text"),
    [
        ({"secret": "text"}, TypeError, "secret: expected bytes, not str"),
        ({"secret": None}, TypeError, "secret: expected bytes, not NoneType"),
        ({"secret": 5}, TypeError, "secret: expected bytes, not int"),
        ({"owf": "md5"}, ValueError, "owf: 'md5' is none of"),
        ({"owf": "SHA256"}, ValueError, "owf: 'SHA256' is none of"),
        ({"owf": None}, ValueError, "owf: None is none of"),
        ({"mac": "md5"}, ValueError, "mac: 'md5' is none of"),
        ({"mac": "hmac-sha256"}, ValueError, "mac: 'hmac-sha256' is none of"),
        ({"iterations": 99}, ValueError, "iterations: "),
        ({"iterations": 0}, ValueError, "iterations: "),
        ({"iterations": -1}, ValueError, "iterations: "),
        ({"iterations": 2**31}, ValueError, "iterations: "),
        ({"iterations": True}, (TypeError, ValueError), "iterations"),
        ({"iterations": 1000.0}, TypeError, "iterations"),
        ({"iterations": "1000"}, TypeError, "iterations|not supported"),
        ({"salt_octets": 7}, ValueError, "salt_octets: expected 8 to 1024"),
        ({"salt_octets": 1025}, ValueError, "salt_octets: expected 8 to 1024"),
        ({"salt_octets": 16.0}, TypeError, "salt_octets"),
        ({"messages_per_salt": 0}, ValueError, "messages_per_salt"),
        ({"messages_per_salt": 1.5}, TypeError, "messages_per_salt"),
        ({"cached_keys": -1}, ValueError, "cached_keys"),
        ({"cached_keys": 1.5}, TypeError, "cached_keys"),
        ({"sender_kid": "text"}, TypeError, "sender_kid"),
        ({"iteration": 5}, TypeError, "iteration"),
    ],
    ids=str,
)
def test_arguments_that_make_no_sense(arguments: dict[str, Any], expected: Any, text: str) -> None:
    with pytest.raises(expected, match=text):
        PasswordBasedMAC(**({"secret": SECRET} | arguments))


@pytest.mark.parametrize("arguments", [
    {"iterations": 100}, {"salt_octets": 8}, {"salt_octets": 1024}, {"messages_per_salt": 1 << 40}, {"cached_keys": 0},
])  # fmt: skip
def test_arguments_at_their_bounds(arguments: dict[str, Any]) -> None:
    message = protect(CONFIRMATION, shared(**arguments))
    verify(message, shared(), ProtectionPolicy(max_salt=1024))
