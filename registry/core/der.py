"""The few values of DER (X.690) that are written here: encrypted keys, time-stamp requests."""

from __future__ import annotations

from typing import Final

_INTEGER: Final = 0x02
_OCTETS: Final = 0x04
_NULL: Final = 0x05
_OBJECT_ID: Final = 0x06
_SEQUENCE: Final = 0x30
TRUE: Final = b"\x01\x01\xff"


def value(tag: int, content: bytes) -> bytes:
    """Return a value: its tag, its length, its content."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def sequence(*items: bytes) -> bytes:
    """Return a SEQUENCE."""
    return value(_SEQUENCE, b"".join(items))


def integer(number: int) -> bytes:
    """Return an INTEGER, from 0."""
    return value(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def octets(data: bytes) -> bytes:
    """Return an OCTET STRING."""
    return value(_OCTETS, data)


def null() -> bytes:
    """Return NULL."""
    return value(_NULL, b"")


def object_id(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER, given as `1.2.840`."""
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (40 * first + second, *rest):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        content += bytes(reversed(digits))
    return value(_OBJECT_ID, content)
