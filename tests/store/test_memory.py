"""What the store in memory promises beside the contract: its work does not grow with what it holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cmpcodec.server.ports import CertificateStatus, Change, IssuedCertificate
from cmpcodec.store import MemoryStore
from tests.store.making import HOUR, NOW, certificate, move


class Counting(dict[Any, IssuedCertificate]):
    """Certificates, and how often one was looked at."""

    looks = 0

    def __getitem__(self, name: Any) -> IssuedCertificate:
        self.looks += 1
        return super().__getitem__(name)

    def values(self) -> Any:
        self.looks += len(self)
        return super().values()


def test_who_waits_for_confirmation_is_not_walked_through() -> None:
    """A sweep looks at those that are due, and once at those that were confirmed since; at nobody else."""
    store = MemoryStore()
    for serial in range(3000):
        due = NOW + (HOUR if serial % 100 else timedelta(seconds=serial // 100))
        store.apply(Change(issued=[certificate(serial, confirm_before=due)]))
    for serial in range(0, 1000, 100):
        store.apply(Change(moves=[move(serial, to=CertificateStatus.VALID, since={CertificateStatus.UNCONFIRMED})]))
    store._certificates = counting = Counting(store._certificates)
    late = NOW + timedelta(minutes=1)
    assert [one.serial for one in store.unconfirmed(late, 5)] == [1000, 1100, 1200, 1300, 1400]
    assert counting.looks == 10 + 5
    counting.looks = 0
    assert len(store.unconfirmed(late, 5000)) == 20
    assert counting.looks == 20, "those that were confirmed are forgotten"
    assert store.unconfirmed(NOW, 5000) == []
    assert counting.looks == 20
