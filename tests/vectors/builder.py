"""Plain Python values into pyasn1 objects: the independent encoder behind make_built.py.

dict is a SEQUENCE, list a SEQUENCE OF or SET OF, (name, value) a CHOICE, bytes where a structure is expected
its DER. (matchConstraints=False: pyasn1 finds size constraints unequal to their own copies. And keep away
from the integers -128, -32768, -2147483648 ...: pyasn1 0.6 gives them an octet too many.)
"""

from __future__ import annotations

from typing import Any

from pyasn1.codec.der import decoder, encoder
from pyasn1.type import char, univ
from pyasn1_alt_modules import rfc5280, rfc9810

NULL = b"\x05\x00"
EC_PUBLIC_KEY = "1.2.840.10045.2.1"


def build(spec: Any, value: Any) -> Any:
    """A pyasn1 object of the type `spec`, its tags included."""
    if isinstance(spec, univ.Any):
        return spec.clone(value if isinstance(value, bytes) else encoder.encode(value))
    if isinstance(spec, univ.Choice):
        if isinstance(value, bytes):
            value = plain(parse(type(spec)(), value))
        name, inner = value
        result = spec.clone()
        result.setComponentByName(name, build(_component(spec, name), inner), matchConstraints=False)
        return result
    if isinstance(spec, (univ.SequenceOf, univ.SetOf)):
        if isinstance(value, bytes):
            value = plain(parse(type(spec)(), value))
        result = spec.clone()
        result.clear()
        for position, item in enumerate(value):
            result.setComponentByPosition(position, build(spec.componentType, item), matchConstraints=False)
        return result
    if isinstance(spec, (univ.Sequence, univ.Set)):
        if isinstance(value, bytes):
            value = plain(parse(type(spec)(), value))
        result = spec.clone()
        for name, inner in value.items():
            result.setComponentByName(name, build(_component(spec, name), inner), matchConstraints=False)
        return result
    return spec.clone(value)


def der(spec: Any, value: Any) -> bytes:
    """The DER of build(spec, value)."""
    return bytes(encoder.encode(build(spec, value)))


def parse(spec: Any, data: bytes) -> Any:
    """The pyasn1 object in this DER; ValueError if bytes are left over."""
    value, rest = decoder.decode(data, asn1Spec=spec)
    if rest:
        raise ValueError(f"{len(rest)} bytes after the {type(spec).__name__}")
    return value


def plain(value: Any) -> Any:
    """A pyasn1 object as the plain value that build() takes; leaves stay pyasn1 objects."""
    if isinstance(value, univ.Choice):
        return value.getName(), plain(value.getComponent())
    if isinstance(value, (univ.SequenceOf, univ.SetOf)):
        return [plain(item) for item in value]
    if isinstance(value, (univ.Sequence, univ.Set)):
        parts = {name: value.getComponentByName(name, default=None, instantiate=False) for name in value}
        return {name: plain(part) for name, part in parts.items() if part is not None and part.isValue}
    return bytes(value) if isinstance(value, univ.Any) else value


def _component(spec: Any, name: str) -> Any:
    types = spec.componentType
    return types.getTypeByPosition(types.getPositionByName(name))


def algorithm(oid: str, parameters: bytes | None = None) -> dict[str, Any]:
    """An AlgorithmIdentifier; without parameters it has none."""
    return {"algorithm": oid} if parameters is None else {"algorithm": oid, "parameters": parameters}


def name(common_name: str, *more: tuple[str, bytes]) -> tuple[str, list[list[dict[str, Any]]]]:
    """A Name of one CN (and further attributes, as OID and DER, each in an RDN of its own)."""
    attributes = [*more, ("2.5.4.3", bytes(encoder.encode(char.UTF8String(common_name))))]
    return "rdnSequence", [[{"type": oid, "value": value}] for oid, value in attributes]


def directory(common_name: str) -> tuple[str, Any]:
    """A GeneralName with that CN."""
    return "directoryName", name(common_name)


def bits(text: str) -> univ.BitString:
    """A BIT STRING of the bits in the text ("0110")."""
    return univ.BitString(binValue=text)


def octet_bits(data: bytes) -> univ.BitString:
    """A BIT STRING of whole octets."""
    return univ.BitString(hexValue=data.hex())


def public_key_of(data: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo of a certificate."""
    parsed = parse(rfc5280.Certificate(), data)
    return bytes(encoder.encode(parsed["tbsCertificate"]["subjectPublicKeyInfo"]))


def message(header: dict[str, Any], body: tuple[str, Any], **more: Any) -> bytes:
    """The DER of a PKIMessage."""
    return der(rfc9810.PKIMessage(), {"header": header, "body": body} | more)
