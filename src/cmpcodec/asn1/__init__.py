"""The schema language: ASN.1 types as annotated Python classes. It knows ASN.1 and nothing of CMP.

`records` holds the base classes, `markers` what may stand in an annotation, `compiler` turns classes into op tables
when they are first used.
"""

from __future__ import annotations

from .._engine.values import BitString, Limits, NamedBits, ObjectIdentifier, bit
from .compiler import compile_type
from .markers import (
    BMPString,
    Default,
    Enumerated,
    Explicit,
    GeneralizedTime,
    IA5String,
    Implicit,
    NumericString,
    Open,
    OpenTypes,
    PrintableString,
    Size,
    TeletexString,
    UniversalString,
    UTCTime,
    UTF8String,
    VisibleString,
)
from .records import TLV, Choice, Null, Record, Sequence, SequenceOf, SetOf

__all__ = [
    "TLV",
    "BMPString",
    "BitString",
    "Choice",
    "Default",
    "Enumerated",
    "Explicit",
    "GeneralizedTime",
    "IA5String",
    "Implicit",
    "Limits",
    "NamedBits",
    "Null",
    "NumericString",
    "ObjectIdentifier",
    "Open",
    "OpenTypes",
    "PrintableString",
    "Record",
    "Sequence",
    "SequenceOf",
    "SetOf",
    "Size",
    "TeletexString",
    "UTCTime",
    "UTF8String",
    "UniversalString",
    "VisibleString",
    "bit",
    "compile_type",
]
