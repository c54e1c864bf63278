"""Messages that stand at the limits of decoding: what goes one step further is refused, if the limit is there.

Mutants of ordinary messages do not get that deep or long within a minute. Knows the limits, no target.
"""

from __future__ import annotations

from tests.mutations import tlv

_AROUND = 4
"""Levels that are not parameters of parameters: three around protectionAlg, and the OID in the innermost."""


def edges() -> dict[str, bytes]:
    """A message that is as deep as may be, one whose OIDs are as long, one with as many elements in a SEQUENCE OF."""
    import cmpcodec as cmp
    from cmpcodec import oids

    mgf1 = cmp.AlgorithmIdentifier(algorithm=oids.ID_MGF1).der[2:]
    algorithm = tlv(0x30, mgf1)
    for _ in range(cmp.Limits().max_depth - _AROUND):
        algorithm = tlv(0x30, mgf1, algorithm)
    nobody = cmp.GeneralName(directory_name=cmp.Name([]))
    header = cmp.PKIHeader(pvno=cmp.PVNO.CMP2000, sender=nobody, recipient=nobody)
    deepest = header.replace(protection_alg=cmp.AlgorithmIdentifier.decode(algorithm))
    arcs = ".".join(["1.2", *["7"] * 127])
    long = ".".join(["1.2", *[str(2**139 + 1)] * 25])
    infos = [cmp.InfoTypeAndValue(info_type=cmp.ObjectIdentifier(oid)) for oid in (arcs, long)]
    confirmation = cmp.PKIBody(pkiconf=cmp.PKIConfirmContent())
    most = header.replace(free_text=cmp.PKIFreeText(["a"] * 32))
    return {
        "deepest": cmp.PKIMessage(header=deepest, body=confirmation).der,
        "longest OIDs": cmp.PKIMessage(header=header, body=cmp.PKIBody(genm=infos)).der,
        "most elements": cmp.PKIMessage(header=most, body=confirmation).der,
    }


def depth(message: object) -> int:
    """How many TLVs are inside each other, opened values included."""
    import cmpcodec as cmp
    from cmpcodec.asn1 import Choice

    unread, reached = [(message, 1)], 0
    while unread:
        record, level = unread.pop()
        reached = max(reached, level)
        below = level + (not isinstance(record, Choice))  # a CHOICE is no TLV of its own
        unread += [(child.value, below) for child in cmp.children(record) if isinstance(child.value, cmp.Record)]
    return reached
