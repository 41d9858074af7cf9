"""XXH3 with 64 bits, without a seed, of bytes anywhere in memory.

As in the specification of xxHash (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md,
"XXH3 Algorithm Overview"); the names of its constants are kept. No read leaves the bytes hashed
by more than 16 bytes.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit

from registry.core.kernel.vectors import constant64, folded, load8, load32, load64

_U: Final = np.uint64
_SECRET: Final = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
_secret = constant64("xxh3_secret", _SECRET)
_S: Final = tuple(_U(int.from_bytes(_SECRET[at : at + 8], "little")) for at in range(0, 128, 8))
_S0, _S8, _S16, _S24, _S32, _S40, _S48, _S56 = _S[:8]
_S64, _S72, _S80, _S88, _S96, _S104, _S112, _S120 = _S[8:]

PRIME64_1: Final = _U(0x9E3779B185EBCA87)
_PRIME64_2: Final = _U(0xC2B2AE3D27D4EB4F)
_PRIME64_3: Final = _U(0x165667B19E3779F9)
_PRIME64_4: Final = _U(0x85EBCA77C2B2AE63)
_PRIME64_5: Final = _U(0x27D4EB2F165667C5)
_PRIME32_1: Final = _U(0x9E3779B1)
_PRIME32_2: Final = _U(0x85EBCA77)
_PRIME32_3: Final = _U(0xC2B2AE3D)
_PRIME_MX1: Final = _U(0x165667919E3779F9)
_PRIME_MX2: Final = _U(0x9FB21C651E98DF25)
_LOW: Final = _U(0xFFFFFFFF)

# Compiled into what calls it, or, where that is long and rare, called.
inlined: Any = njit(nogil=True, boundscheck=False, error_model="numpy", forceinline=True)
_called: Any = njit(nogil=True, boundscheck=False, error_model="numpy")


@inlined
def _avalanche(h):
    h ^= h >> _U(37)
    h *= _PRIME_MX1
    return h ^ (h >> _U(32))


@inlined
def _avalanche64(h):
    h ^= h >> _U(33)
    h *= _PRIME64_2
    h ^= h >> _U(29)
    h *= _PRIME64_3
    return h ^ (h >> _U(32))


@inlined
def _mix(at, one, two):
    return folded(load64(at) ^ one, load64(at + 8) ^ two)


@inlined
def _swapped(h):
    h = (h << _U(32)) | (h >> _U(32))
    h = ((h & _U(0x0000FFFF0000FFFF)) << _U(16)) | ((h >> _U(16)) & _U(0x0000FFFF0000FFFF))
    return ((h & _U(0x00FF00FF00FF00FF)) << _U(8)) | ((h >> _U(8)) & _U(0x00FF00FF00FF00FF))


@_called
def _upto16(at, size):
    if size > 8:
        low = load64(at) ^ (_S24 ^ _S32)
        high = load64(at + size - 8) ^ (_S40 ^ _S48)
        return _avalanche(_U(size) + _swapped(low) + high + folded(low, high))
    if size >= 4:
        h = (_U(load32(at + size - 4)) + (_U(load32(at)) << _U(32))) ^ (_S8 ^ _S16)
        h ^= ((h << _U(49)) | (h >> _U(15))) ^ ((h << _U(24)) | (h >> _U(40)))
        h *= _PRIME_MX2
        h ^= (h >> _U(35)) + _U(size)
        h *= _PRIME_MX2
        return h ^ (h >> _U(28))
    if size > 0:
        first, middle, last = load8(at), load8(at + (size >> 1)), load8(at + size - 1)
        h = _U((first << 16) | (middle << 24) | last | (size << 8))
        return _avalanche64(h ^ (_S0 & _LOW) ^ (_S0 >> _U(32)))
    return _avalanche64(_S56 ^ _S64)


@_called
def _upto240(at, size):
    h = _U(size) * PRIME64_1
    for step in range(8):
        h += _mix(at + 16 * step, _secret(16 * step), _secret(16 * step + 8))
    h = _avalanche(h)
    for step in range(8, size // 16):
        key = 16 * (step - 8) + 3
        h += _mix(at + 16 * step, _secret(key), _secret(key + 8))
    h += _mix(at + size - 16, _secret(119), _secret(127))
    return _avalanche(h)


@inlined
def _lane(at, key):
    keyed = load64(at) ^ _secret(key)
    return (keyed & _LOW) * (keyed >> _U(32))


@inlined
def _stripe(at, key, sums):
    """Return the eight sums with 64 bytes added."""
    a, b, c, d, e, f, g, h = sums
    return (
        a + load64(at + 8) + _lane(at, key),
        b + load64(at) + _lane(at + 8, key + 8),
        c + load64(at + 24) + _lane(at + 16, key + 16),
        d + load64(at + 16) + _lane(at + 24, key + 24),
        e + load64(at + 40) + _lane(at + 32, key + 32),
        f + load64(at + 32) + _lane(at + 40, key + 40),
        g + load64(at + 56) + _lane(at + 48, key + 48),
        h + load64(at + 48) + _lane(at + 56, key + 56),
    )


@inlined
def _scrambled(value, key):
    return (value ^ (value >> _U(47)) ^ _secret(key)) * _PRIME32_1


@_called
def _long(at, size):
    sums = (
        _PRIME32_3, PRIME64_1, _PRIME64_2, _PRIME64_3,
        _PRIME64_4, _PRIME32_2, _PRIME64_5, _PRIME32_1,
    )  # fmt: skip
    stripes = (size - 1) // 64
    for stripe in range(stripes):
        sums = _stripe(at + 64 * stripe, 8 * (stripe & 15), sums)
        if stripe & 15 == 15:
            a, b, c, d, e, f, g, h = sums
            sums = (
                _scrambled(a, 128), _scrambled(b, 136), _scrambled(c, 144), _scrambled(d, 152),
                _scrambled(e, 160), _scrambled(f, 168), _scrambled(g, 176), _scrambled(h, 184),
            )  # fmt: skip
    a, b, c, d, e, f, g, h = _stripe(at + size - 64, 121, sums)
    total = _U(size) * PRIME64_1
    total += folded(a ^ _secret(11), b ^ _secret(19)) + folded(c ^ _secret(27), d ^ _secret(35))
    total += folded(e ^ _secret(43), f ^ _secret(51)) + folded(g ^ _secret(59), h ^ _secret(67))
    return _avalanche(total)


@_called
def _beyond64(at, size):
    if size > 240:
        return _long(at, size)
    if size > 128:
        return _upto240(at, size)
    h = _U(size) * PRIME64_1
    if size > 96:
        h += _mix(at + 48, _S96, _S104) + _mix(at + size - 64, _S112, _S120)
    h += _mix(at + 32, _S64, _S72) + _mix(at + size - 48, _S80, _S88)
    h += _mix(at + 16, _S32, _S40) + _mix(at + size - 32, _S48, _S56)
    h += _mix(at, _S0, _S8) + _mix(at + size - 16, _S16, _S24)
    return _avalanche(h)


@inlined
def xxh3_64(at, size):
    """Return the hash of so many bytes; up to 16 bytes before and after them may be read."""
    if 16 < size <= 64:
        # Most shingles: both halves are computed, because which are needed cannot be foretold.
        h = _U(size) * PRIME64_1
        h += _mix(at, _S0, _S8) + _mix(at + size - 16, _S16, _S24)
        inner = _mix(at + 16, _S32, _S40) + _mix(at + size - 32, _S48, _S56)
        return _avalanche(h + (inner if size > 32 else _U(0)))
    return _upto16(at, size) if size <= 16 else _beyond64(at, size)
